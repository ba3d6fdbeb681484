// SPDX-License-Identifier: GPL-2.0-or-later
//
// How much one user may ask of gameschedd. Pure: time comes in.
//
// Users never share a budget, so none can use up another's. Every table here is
// bounded: an entry that says nothing any more is dropped.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>

#include "service/util/result.h"
#include "service/util/time.h"

namespace gamesched::games {

constexpr std::size_t max_games_per_user = 32;
// 25 changes in 20 seconds: nobody starts games faster, and rtkit has lived with the same figures for years.
constexpr uint32_t max_changes = 25;
constexpr uint64_t changes_window_usec = 20 * usec_per_sec;
// Password dialogs open at once.
constexpr uint32_t max_pending_checks = 8;

// A bucket of `burst` tokens a user that fills up in `window_usec`.
class RateLimit {
 public:
  RateLimit(uint32_t burst, uint64_t window_usec) : burst_(burst), window_usec_(window_usec) {}

  // Takes a token; LimitsExceeded, with the seconds to wait, when there is none.
  Result<void> take(uid_t uid, uint64_t now_usec);
  std::size_t users() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens;
    uint64_t at_usec;
  };
  double tokens_at(const Bucket& bucket, uint64_t now_usec) const;
  void forget_full(uint64_t now_usec);

  uint32_t burst_;
  uint64_t window_usec_;
  std::map<uid_t, Bucket> buckets_;
};

// Things under way per user; a Slip is held as long as one is.
class PendingLimit {
 public:
  explicit PendingLimit(uint32_t maximum) : maximum_(maximum) {}

  class Slip {
   public:
    Slip(PendingLimit& limit, uid_t uid) : limit_(&limit), uid_(uid) {}
    Slip(Slip&& other) noexcept : limit_(other.limit_), uid_(other.uid_) { other.limit_ = nullptr; }
    Slip& operator=(Slip&&) = delete;
    Slip(const Slip&) = delete;
    ~Slip() {
      if (limit_ != nullptr) limit_->give_back(uid_);
    }

   private:
    PendingLimit* limit_;
    uid_t uid_;
  };

  Result<Slip> take(uid_t uid);
  std::size_t users() const { return pending_.size(); }

 private:
  void give_back(uid_t uid);

  uint32_t maximum_;
  std::map<uid_t, uint32_t> pending_;
};

}  // namespace gamesched::games
