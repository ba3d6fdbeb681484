// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "bpf/policy/slice.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

TEST(SliceTable, EveryRow) {
  struct Row {
    u32 queued_per_cpu, weight;
    u64 slice_usec;
  };
  constexpr Row rows[] = {{0, 100, 6000}, {2, 100, 4000}, {8, 100, 2000}, {8, 15, 500}};
  for (const Row& row : rows) {
    for (const u32 cpus : {1U, 4U, 16U, 512U}) {
      EXPECT_EQ(gs_slice(row.queued_per_cpu * cpus, cpus, row.weight, 6 * GS_MSEC, 2 * GS_MSEC, 12 * GS_MSEC),
                row.slice_usec * GS_USEC)
          << row.queued_per_cpu << " queued on each of " << cpus << " CPUs, weight " << row.weight;
    }
  }
}

TEST(Slice, LiesWithinItsBounds) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 100000; ++i) {
    // Any tunables that tunables.def allows, with the minimum below the maximum.
    const u64 slice_max = random.between(500 * GS_USEC, 20 * GS_MSEC);
    const u64 slice_min = random.between(200 * GS_USEC, slice_max);
    const u64 round = random.between(GS_MSEC, 100 * GS_MSEC);
    const u32 queued = static_cast<u32>(random.any() >> random.between(33, 63));
    const u32 cpus = static_cast<u32>(random.between(0, 512)),
              weight = static_cast<u32>(random.between(1, 10000));
    const u64 slice = gs_slice(queued, cpus, weight, slice_max, slice_min, round);
    EXPECT_LE(slice, slice_max);
    EXPECT_GE(slice, weight < 100 ? slice_min / 4 : slice_min) << "weight " << weight;
  }
}

TEST(Slice, ShrinksWithTheQueueAndGrowsWithTheWeight) {
  Random random(__FILE__, __LINE__);
  const auto slice = [](u32 queued, u32 cpus, u32 weight) {
    return gs_slice(queued, cpus, weight, 6 * GS_MSEC, 2 * GS_MSEC, 12 * GS_MSEC);
  };
  for (int i = 0; i < 10000; ++i) {
    const u32 queued = static_cast<u32>(random.between(0, 200)),
              cpus = static_cast<u32>(random.between(1, 32));
    const u32 weight = static_cast<u32>(random.between(1, 200));
    EXPECT_LE(slice(queued + 1, cpus, weight), slice(queued, cpus, weight))
        << queued << " " << cpus << " " << weight;
    EXPECT_LE(slice(queued, cpus, weight), slice(queued, cpus + 1, weight))
        << queued << " " << cpus << " " << weight;
    EXPECT_LE(slice(queued, cpus, weight), slice(queued, cpus, weight + 1))
        << queued << " " << cpus << " " << weight;
  }
}

TEST(Slice, WithoutAnyCpuDividesByNothing) {
  EXPECT_EQ(gs_slice(0, 0, 100, 6 * GS_MSEC, 2 * GS_MSEC, 12 * GS_MSEC), 6 * GS_MSEC);
}

// Within the bounds, one round over everybody takes about round_ns.
TEST(Slice, MakesRoundsOfTheWantedLength) {
  for (u32 queued = 1; queued <= 5; ++queued) {
    const u64 slice = gs_slice(queued, 1, 100, 6 * GS_MSEC, 2 * GS_MSEC, 12 * GS_MSEC);
    EXPECT_NEAR(static_cast<double>(slice * (queued + 1)), 12e6, 12) << queued;
  }
}

}  // namespace
}  // namespace gamesched::tests
