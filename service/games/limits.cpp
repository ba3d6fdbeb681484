// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/limits.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace gamesched::games {

double RateLimit::tokens_at(const Bucket& bucket, uint64_t now_usec) const {
  const uint64_t passed = now_usec > bucket.at_usec ? now_usec - bucket.at_usec : 0;
  const double gained = static_cast<double>(passed) * burst_ / static_cast<double>(window_usec_);
  return std::min<double>(burst_, bucket.tokens + gained);
}

void RateLimit::forget_full(uint64_t now_usec) {
  std::erase_if(buckets_, [&](const auto& entry) { return tokens_at(entry.second, now_usec) >= burst_; });
}

Result<void> RateLimit::take(uid_t uid, uint64_t now_usec) {
  forget_full(now_usec);
  Bucket& bucket = buckets_.try_emplace(uid, Bucket{static_cast<double>(burst_), now_usec}).first->second;
  bucket = {tokens_at(bucket, now_usec), std::max(bucket.at_usec, now_usec)};
  if (bucket.tokens < 1) {
    const double per_sec = burst_ / (static_cast<double>(window_usec_) / static_cast<double>(usec_per_sec));
    const auto wait_sec = static_cast<int>(std::ceil((1 - bucket.tokens) / per_sec));
    return fail(Error::Code::LimitsExceeded, "More than " + std::to_string(burst_) + " changes in " +
                                                 std::to_string(window_usec_ / usec_per_sec) +
                                                 " seconds by one user; try again in " +
                                                 std::to_string(wait_sec) + " s.");
  }
  bucket.tokens -= 1;
  return {};
}

Result<PendingLimit::Slip> PendingLimit::take(uid_t uid) {
  uint32_t& pending = pending_[uid];
  if (pending >= maximum_) {
    return fail(Error::Code::LimitsExceeded,
                std::to_string(maximum_) +
                    " requests of this user are being decided already; answer the "
                    "open password dialogs first.");
  }
  ++pending;
  return Slip(*this, uid);
}

void PendingLimit::give_back(uid_t uid) {
  const auto entry = pending_.find(uid);
  if (entry != pending_.end() && --entry->second == 0) pending_.erase(entry);
}

}  // namespace gamesched::games
