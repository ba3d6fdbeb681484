// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/profile_control.h"

#include <sys/random.h>

#include <ranges>
#include <stdexcept>

namespace gamesched::policy {
namespace {

uint32_t random_cookie() {
  uint32_t cookie = 0;
  // Never short and never interrupted for so few bytes (getrandom(2)).
  if (getrandom(&cookie, sizeof(cookie), 0) != sizeof(cookie)) throw std::runtime_error("no random numbers");
  return cookie;
}

}  // namespace

ProfileControl::ProfileControl(kernel::Backend& backend, const Config& config,
                               std::optional<std::string> chosen)
    : backend_(backend),
      profiles_(config.profiles),
      configured_(config.profile),
      chosen_(std::move(chosen)),
      holds_(random_cookie) {
  active_ = effective();
}

void ProfileControl::configure(const Config& config) {
  profiles_ = config.profiles;
  configured_ = config.profile;
  update();
}

const std::string& ProfileControl::chosen() const {
  return chosen_ && profiles_.contains(*chosen_) ? *chosen_ : configured_;
}

const std::string& ProfileControl::effective() const {
  for (const Hold& hold : std::views::reverse(holds_.all())) {
    if (profiles_.contains(hold.profile)) return hold.profile;
  }
  return profiles_.contains(game_profile_) ? game_profile_ : chosen();
}

void ProfileControl::update() {
  active_ = effective();
  if (!(active_profile() == applied_)) apply();
  if (on_changed) on_changed();
}

void ProfileControl::apply() {
  applied_ = active_profile();
  backend_.set_tunables(applied_.tunables);
}

Result<void> ProfileControl::known(const std::string& profile) const {
  if (profiles_.contains(profile)) return {};
  std::string sentence = no_such_profile(profile, profiles_);
  sentence[0] = 'T';
  if (!sentence.ends_with('?')) sentence += '.';
  return fail(Error::Code::NoSuchProfile, std::move(sentence));
}

Result<void> ProfileControl::choose(const std::string& profile, uid_t uid) {
  if (auto ok = known(profile); !ok) return ok;
  chosen_ = profile;
  ended(holds_.release_of_user(uid), true);
  update();
  return {};
}

Result<void> ProfileControl::may_hold(const Hold& hold) const {
  return known(hold.profile).and_then([&] { return holds_.check(hold.uid, hold.reason, hold.application); });
}

Result<uint32_t> ProfileControl::hold(Hold hold) {
  if (auto ok = known(hold.profile); !ok) return std::unexpected(ok.error());
  auto cookie = holds_.add(std::move(hold));
  if (!cookie) return cookie;
  if (on_held) on_held(holds_.all().back());
  update();
  return cookie;
}

Result<void> ProfileControl::release(uint32_t cookie, const std::string& holder, uid_t uid) {
  auto released = holds_.release(cookie, holder, uid);
  if (!released) return std::unexpected(released.error());
  const bool by_another = released->holder != holder;
  ended({std::move(*released)}, by_another);
  update();
  return {};
}

void ProfileControl::holder_left(const std::string& holder) {
  const std::vector<Hold> released = holds_.release_of_holder(holder);
  if (released.empty()) return;
  ended(released, false);
  update();
}

void ProfileControl::ended(const std::vector<Hold>& holds, bool released) {
  for (const Hold& hold : holds) {
    if (on_hold_ended) on_hold_ended(hold, released);
  }
}

void ProfileControl::set_game_profile(const std::string& profile) {
  if (profile == game_profile_) return;
  game_profile_ = profile;
  update();
}

}  // namespace gamesched::policy
