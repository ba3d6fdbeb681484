// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf/policy/cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <vector>

#include "bpf/shared/abi.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

u32 victim(const std::vector<u64>& stamps) {
  return gs_cache_victim(stamps.data(), sizeof(u64), static_cast<u32>(stamps.size()));
}

TEST(CacheTable, EveryRow) {
  EXPECT_EQ(victim({17, 3, 0, 9}), 2U);
  EXPECT_EQ(victim({17, 3, 21, 9}), 1U);
  EXPECT_EQ(victim({5}), 0U);
  EXPECT_EQ(victim({0, 0, 0}), 0U);
}

// The hook's cache as it uses it, against a list that keeps the order of use.
class Cache {
 public:
  // Whether it was there.
  bool use(u64 device) {
    ++events_;
    const auto at = std::find(devices_.begin(), devices_.end(), device);
    const bool hit = at != devices_.end();
    const auto slot = hit ? static_cast<std::size_t>(at - devices_.begin()) : victim(stamps_);
    devices_[slot] = device;
    stamps_[slot] = events_;
    return hit;
  }

 private:
  std::vector<u64> devices_ = std::vector<u64>(GS_INPUT_SLOTS), stamps_ = std::vector<u64>(GS_INPUT_SLOTS);
  u64 events_ = 0;
};

TEST(Cache, EvictsTheLeastRecentlyUsed) {
  Random random(__FILE__, __LINE__);
  Cache cache;
  std::list<u64> model;  // newest first
  for (int i = 0; i < 50000; ++i) {
    const u64 device = random.between(1, 12);
    const auto at = std::find(model.begin(), model.end(), device);
    ASSERT_EQ(cache.use(device), at != model.end());
    if (at != model.end()) model.erase(at);
    model.push_front(device);
    if (model.size() > GS_INPUT_SLOTS) model.pop_back();
  }
}

TEST(Cache, ThreeActiveDevicesOfFortyHitInNinetyNineOfAHundred) {
  Random random(__FILE__, __LINE__);
  Cache cache;
  int hits = 0;
  constexpr int events = 100000;
  for (int i = 0; i < events; ++i)  // one event in 200 is of a device that lies about
    hits += cache.use(random.chance(0.995) ? random.between(1, 3) : random.between(4, 40));
  EXPECT_GE(hits, events * 99 / 100);
}

}  // namespace
}  // namespace gamesched::tests
