// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedctl config: what the service would make of the configuration files, read by the service's own code
// and without it running.
#pragma once

#include <string>

namespace gamesched::cli::config {

struct Report {
  bool good = false;
  std::string out;  // for standard output
  std::string err;  // a line for each error
};

// Folders of gamesched.toml and gamesched.toml.d.
Report check(const std::string& vendor, const std::string& administrator, bool json);
Report show(const std::string& vendor, const std::string& administrator, bool json);

}  // namespace gamesched::cli::config
