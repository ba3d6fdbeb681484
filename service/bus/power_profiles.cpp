// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/power_profiles.h"

#include <utility>

#include "service/auth/sender.h"

namespace gamesched::bus {
namespace {

constexpr const char* interface = "org.freedesktop.UPower.PowerProfiles";

}  // namespace

PowerProfiles::PowerProfiles(sdbus::IConnection& bus)
    : bus_(bus),
      daemon_(sdbus::createProxy(bus, sdbus::ServiceName{interface},
                                 sdbus::ObjectPath{"/org/freedesktop/UPower/PowerProfiles"})) {}

void PowerProfiles::want(const std::string& profile) {
  if (profile == wanted_) return;
  wanted_ = profile;
  given_up_ = false;
  settle();
}

// While something is wanted only: other clients' holds are nothing to us.
void PowerProfiles::watch() {
  if (wanted_.empty()) {
    released_.reset();
    restarted_.reset();
    return;
  }
  if (released_) return;
  released_ = bus_.addMatchAsync(
      "type='signal',sender='org.freedesktop.UPower.PowerProfiles',interface='org.freedesktop.UPower."
      "PowerProfiles',"
      "member='ProfileReleased'",
      [this](sdbus::Message message) {
        if (!auth::is_from(message, holder_)) return;
        uint32_t cookie = 0;
        message >> cookie;
        if (cookie_ != cookie) return;
        cookie_.reset();
        held_.clear();
        given_up_ = true;
      },
      [](sdbus::Message) {}, sdbus::return_slot);
  restarted_ = bus_.addMatchAsync(
      "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged'"
      ","
      "arg0='org.freedesktop.UPower.PowerProfiles'",
      [this](sdbus::Message message) {
        if (!auth::is_from_bus(message)) return;
        std::string name, before, now;
        message >> name >> before >> now;
        cookie_.reset();
        held_.clear();
        if (now.empty()) return;
        given_up_ = false;
        settle();
      },
      [](sdbus::Message) {}, sdbus::return_slot);
}

void PowerProfiles::settle() {
  watch();
  if (busy_ || given_up_ || held_ == wanted_) return;
  if (cookie_) {
    const uint32_t cookie = *std::exchange(cookie_, std::nullopt);
    held_.clear();
    busy_ = true;
    daemon_->callMethodAsync("ReleaseProfile")
        .onInterface(interface)
        .withArguments(cookie)
        .uponReplyInvoke([this](std::optional<sdbus::Error>) {
          busy_ = false;
          settle();
        });
    return;
  }
  if (wanted_.empty()) return;
  busy_ = true;
  daemon_->callMethodAsync("HoldProfile")
      .onInterface(interface)
      .withArguments(wanted_, "a game runs", "gamesched")
      .uponReplyInvoke([this, profile = wanted_](std::optional<sdbus::Error> error, uint32_t cookie) {
        busy_ = false;
        if (error) {
          given_up_ = profile == wanted_;
          if (given_up_ && on_refused) on_refused(profile, error->getMessage());
        } else {
          cookie_ = cookie;
          held_ = profile;
          const char* const sender = daemon_->getCurrentlyProcessedMessage().getSender();
          holder_ = sender != nullptr ? sender : "";
        }
        settle();
      });
}

}  // namespace gamesched::bus
