// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/config_command.h"

#include <nlohmann/json.hpp>

#include "service/policy/config.h"

namespace gamesched::cli::config {
namespace {

std::string as_json(const policy::Loaded& loaded) {
  nlohmann::ordered_json out = {
      {"good", loaded.errors.empty()}, {"files", loaded.files}, {"errors", loaded.errors}};
  // Paths on the disk may be any bytes.
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Report check(const std::string& vendor, const std::string& administrator, bool json) {
  const policy::Loaded loaded = policy::load({vendor, administrator});
  Report report{.good = loaded.errors.empty(), .out = {}, .err = {}};
  for (const std::string& error : loaded.errors) report.err += "gameschedctl: " + error + "\n";
  if (json) {
    report.out = as_json(loaded);
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
    report.out = as_json(loaded);
    return report;
  }
  for (const std::string& file : loaded.files) report.out += "# " + file + "\n";
  report.out += "\n" + policy::to_toml(loaded.config);
  return report;
}

}  // namespace gamesched::cli::config
