// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which profile is in effect, and putting it into effect. In this order:
//
//   a hold     the newest one
//   the game   what the game that is played wants, by rule or as it was registered
//   chosen     what SetProfile last said; before that the configuration
//
// A name that the configuration no longer knows counts as absent.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "service/kernel/backend.h"
#include "service/policy/config.h"
#include "service/policy/holds.h"

namespace gamesched::policy {

class ProfileControl {
 public:
  // `chosen`: what SetProfile said in an earlier run.
  ProfileControl(kernel::Backend& backend, const Config& config, std::optional<std::string> chosen);

  std::function<void()> on_changed;  // what the getters say may have changed
  // A hold began, and ended; released: not by its holder, who has to be told.
  std::function<void(const Hold&)> on_held;
  std::function<void(const Hold&, bool released)> on_hold_ended;

  void configure(const Config& config);
  // The backend has loaded its objects: what was set before is set again.
  void apply();

  // NoSuchProfile.
  Result<void> known(const std::string& profile) const;
  // Ends all holds of that user, of everybody when it is root.
  Result<void> choose(const std::string& profile, uid_t uid);
  Result<uint32_t> hold(Hold hold);
  Result<void> may_hold(const Hold& hold) const;
  Result<void> release(uint32_t cookie, const std::string& holder, uid_t uid);
  void holder_left(const std::string& holder);
  // What the game that is played wants; "" when none is played or it wants nothing.
  void set_game_profile(const std::string& profile);

  const std::string& active() const { return active_; }
  const Profile& active_profile() const { return profiles_.at(active_); }
  const std::string& chosen() const;
  const Profiles& profiles() const { return profiles_; }
  const Holds& holds() const { return holds_; }

 private:
  const std::string& effective() const;
  void ended(const std::vector<Hold>& holds, bool released);
  void update();

  kernel::Backend& backend_;
  Profiles profiles_;
  std::string configured_;
  std::optional<std::string> chosen_;
  std::string game_profile_;
  Holds holds_;
  std::string active_;
  Profile applied_;
};

}  // namespace gamesched::policy
