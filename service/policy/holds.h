// SPDX-License-Identifier: GPL-2.0-or-later
//
// Holds on a profile: it is in effect as long as somebody holds it. A hold ends when it is released, or with
// the bus name that took it, or when its user chooses a profile. Pure: who watches the names is
// profile_control.h's caller.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "service/util/result.h"

namespace gamesched::policy {

// As many as one desktop could need; the same figures as for games.
constexpr std::size_t max_holds_per_user = 32;
constexpr std::size_t max_holds = 256;
constexpr std::size_t max_reason_bytes = 256;
constexpr std::size_t max_application_bytes = 128;

struct Hold {
  uint32_t cookie = 0;  // random: knowing one's own tells nothing of another's
  std::string profile;
  std::string reason;
  std::string application;
  std::string holder;  // unique bus name
  uid_t uid = 0;
};

class Holds {
 public:
  // `random` gives cookies; 0 and those in use are asked for again.
  explicit Holds(std::function<uint32_t()> random) : random_(std::move(random)) {}

  // What add() would refuse. LimitsExceeded, InvalidArgument.
  Result<void> check(uid_t uid, const std::string& reason, const std::string& application) const;
  Result<uint32_t> add(Hold hold);
  // NoSuchHold also for another's: nothing tells the two apart. Root may release any.
  Result<Hold> release(uint32_t cookie, const std::string& holder, uid_t uid);
  std::vector<Hold> release_of_holder(const std::string& holder);
  // All for root.
  std::vector<Hold> release_of_user(uid_t uid);

  bool held_by(const std::string& holder) const;
  // Oldest first.
  const std::vector<Hold>& all() const { return holds_; }

 private:
  template <typename Predicate>
  std::vector<Hold> take(Predicate which);

  std::function<uint32_t()> random_;
  std::vector<Hold> holds_;
};

}  // namespace gamesched::policy
