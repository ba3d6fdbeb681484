// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf/policy/histogram.h"

#include <gtest/gtest.h>

#include <bit>

#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u32 nr = 18;

TEST(HistogramTable, EveryRow) {
  EXPECT_EQ(gs_histogram_bucket(900, nr), 0U);
  EXPECT_EQ(gs_histogram_bucket(1500, nr), 1U);
  EXPECT_EQ(gs_histogram_bucket(3 * 1024, nr), 2U);
  EXPECT_EQ(gs_histogram_bucket(100 * GS_USEC, nr), 7U);
  EXPECT_EQ(gs_histogram_bucket(20 * GS_MSEC, nr), 15U);
}

TEST(Histogram, IsTheLogarithm) {
  Random random(__FILE__, __LINE__);
  for (int i = 0; i < 20000; ++i) {
    const u64 time_ns = random.any() >> random.between(0, 63);
    EXPECT_EQ(gs_histogram_bucket(time_ns, 64), std::min<u64>(std::bit_width(time_ns >> 10), 32)) << time_ns;
    EXPECT_LT(gs_histogram_bucket(time_ns, nr), nr);
  }
}

}  // namespace
}  // namespace gamesched::tests
