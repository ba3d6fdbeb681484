// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/policy/holds.h"

#include <algorithm>

#include "service/util/text.h"

namespace gamesched::policy {
namespace {

Result<void> check_text(const std::string& what, const std::string& text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    return fail(Error::Code::InvalidArgument, "The " + what + " has " + std::to_string(text.size()) +
                                                  " bytes; at most " + std::to_string(max_bytes) +
                                                  " are allowed.");
  }
  if (!is_clean(text)) {
    return fail(Error::Code::InvalidArgument,
                "The " + what + " holds control characters or is not UTF-8; pass printable text.");
  }
  return {};
}

}  // namespace

Result<void> Holds::check(uid_t uid, const std::string& reason, const std::string& application) const {
  if (auto ok = check_text("reason", reason, max_reason_bytes); !ok) return ok;
  if (auto ok = check_text("application id", application, max_application_bytes); !ok) return ok;
  const auto of_user = std::ranges::count(holds_, uid, &Hold::uid);
  if (static_cast<std::size_t>(of_user) >= max_holds_per_user) {
    return fail(Error::Code::LimitsExceeded, "User " + std::to_string(uid) + " has " +
                                                 std::to_string(of_user) +
                                                 " holds, as many as one user may; release one first.");
  }
  if (holds_.size() >= max_holds) {
    return fail(Error::Code::LimitsExceeded, "There are " + std::to_string(max_holds) +
                                                 " holds, as many as there may be; release one first.");
  }
  return {};
}

Result<uint32_t> Holds::add(Hold hold) {
  if (auto ok = check(hold.uid, hold.reason, hold.application); !ok) return std::unexpected(ok.error());
  do {
    hold.cookie = random_();
  } while (hold.cookie == 0 || std::ranges::find(holds_, hold.cookie, &Hold::cookie) != holds_.end());
  holds_.push_back(std::move(hold));
  return holds_.back().cookie;
}

Result<Hold> Holds::release(uint32_t cookie, const std::string& holder, uid_t uid) {
  const auto found = std::ranges::find_if(holds_, [&](const Hold& hold) {
    return hold.cookie == cookie && (uid == 0 || (hold.holder == holder && hold.uid == uid));
  });
  if (found == holds_.end())
    return fail(Error::Code::NoSuchHold, "There is no such hold of yours; it may have ended already.");
  Hold released = std::move(*found);
  holds_.erase(found);
  return released;
}

template <typename Predicate>
std::vector<Hold> Holds::take(Predicate which) {
  const auto kept = std::ranges::stable_partition(holds_, [&](const Hold& hold) { return !which(hold); });
  std::vector<Hold> taken(std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end()));
  holds_.erase(kept.begin(), kept.end());
  return taken;
}

std::vector<Hold> Holds::release_of_holder(const std::string& holder) {
  return take([&](const Hold& hold) { return hold.holder == holder; });
}

std::vector<Hold> Holds::release_of_user(uid_t uid) {
  return take([&](const Hold& hold) { return uid == 0 || hold.uid == uid; });
}

bool Holds::held_by(const std::string& holder) const {
  return std::ranges::find(holds_, holder, &Hold::holder) != holds_.end();
}

}  // namespace gamesched::policy
