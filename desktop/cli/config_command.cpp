// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/config_command.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <toml++/toml.hpp>

#include "service/policy/config.h"

namespace gamesched::cli::config {
namespace {

using Json = nlohmann::ordered_json;

Json as_json(const policy::Loaded& loaded) {
  return {{"good", loaded.errors.empty()}, {"files", loaded.files}, {"errors", loaded.errors}};
}

// By way of the text, so that keys are named in one place.
Json as_json(const policy::Config& config) {
  std::ostringstream text;
  text << toml::json_formatter{toml::parse(policy::to_toml(config))};
  return Json::parse(text.str());
}

std::string text_of(const Json& out) {
  // Paths on the disk may be any bytes.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Report check(const std::string& vendor, const std::string& administrator, bool json) {
  const policy::Loaded loaded = policy::load({vendor, administrator});
  Report report{.good = loaded.errors.empty(), .out = {}, .err = {}};
  for (const std::string& error : loaded.errors) report.err += "gameschedctl: " + error + "\n";
  if (json) {
    report.out = text_of(as_json(loaded));
  } else {
    for (const std::string& file : loaded.files) report.out += file + ": good\n";
  }
  return report;
}

Report show(const std::string& vendor, const std::string& administrator, bool json) {
  const policy::Loaded loaded = policy::load({vendor, administrator});
  Report report{.good = loaded.errors.empty(), .out = {}, .err = {}};
  for (const std::string& error : loaded.errors) report.err += "gameschedctl: " + error + "\n";
  if (json) {
    Json out = as_json(loaded);
    out["config"] = as_json(loaded.config);
    report.out = text_of(out);
    return report;
  }
  for (const std::string& file : loaded.files) report.out += "# " + file + "\n";
  report.out += "\n" + policy::to_toml(loaded.config);
  return report;
}

}  // namespace gamesched::cli::config
