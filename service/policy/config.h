// SPDX-License-Identifier: GPL-2.0-or-later
//
// The configuration: what may be set, its bounds, and reading it.
//
// Later files win key by key, and their rules are tried first: the distribution's gamesched.toml, its
// gamesched.toml.d/*.toml by name, then the administrator's two likewise. A file is taken whole or not at
// all; one that is wrong is reported with file, line and column, and the others still count. Nothing here
// stops the service.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "service/games/detection.h"
#include "service/policy/profiles.h"
#include "service/policy/rules.h"
#include "service/util/result.h"

namespace gamesched::policy {

enum class AttachMode { Game, Always, Never };
std::string_view to_string(AttachMode mode);

struct Config {
  static constexpr uint32_t max_linger_s = 3600;

  AttachMode attach = AttachMode::Game;
  // Level changes and restarts of a game's process are shorter than this.
  uint32_t linger_s = 5;
  // Before SetEnabled was ever called on this machine.
  bool enabled = true;
  // Before SetProfile was ever called on this machine; always one of `profiles`.
  std::string profile = default_profile;
  // There without any file too.
  Profiles profiles{{default_profile,
                     {.description = "The scheduler's own defaults", .power_profile = {}, .tunables = {}}}};
  std::vector<GameRule> games;
  // Of kernel::optional_detectors.
  std::set<std::string> detectors_off;
  // Whether games that nobody registered are looked for.
  bool detection = true;
  std::vector<games::DetectionRule> detect;

  bool operator==(const Config&) const = default;
};

// `text` laid over `base`. The error's sentence begins "FILE:LINE:COLUMN: ".
Result<Config> parse(std::string_view text, const std::string& file, Config base);

struct ConfigFolders {
  std::filesystem::path vendor;  // each holds gamesched.toml and gamesched.toml.d/
  std::filesystem::path administrator;
};

struct Loaded {
  Config config;
  std::vector<std::string> files;   // those that count, in order
  std::vector<std::string> errors;  // a sentence each
};

Loaded load(const ConfigFolders& folders);

// As a file that says the same, for people.
std::string to_toml(const Config& config);

}  // namespace gamesched::policy
