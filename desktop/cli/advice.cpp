// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/advice.h"

#include <format>
#include <string_view>

namespace gamesched::cli {

std::string advice(const Status& status) {
  if (!status.service) return "start it with: systemctl start gameschedd";
  const Service& service = *status.service;
  if (service.state == "standby") {
    return "start a game with gamesched-run (Steam launch options: gamesched-run %command%)";
  }
  if (service.state == "off") {
    return service.enabled ? "set attach = \"game\" in gamesched.toml(5)"
                           : "switch it on with: gameschedctl on";
  }
  if (service.state == "degraded") {
    return "games are scheduled, but what the missing detectors would see is not; their reasons stand below";
  }
  if (service.state == "ejected") {
    return "if it stays off, switch it on again with: gameschedctl on; please report what journalctl -u "
           "gameschedd says";
  }
  if (service.state == "unsupported") {
    return "it needs Linux 6.16 or later with CONFIG_SCHED_CLASS_EXT and CONFIG_DEBUG_INFO_BTF";
  }
  if (service.state == "conflict") {
    const std::string& other = status.kernel.scheduler;
    return std::format("stop {} first, for example: systemctl stop scx_loader scx",
                       other.empty() ? "it" : other);
  }
  return "";
}

}  // namespace gamesched::cli
