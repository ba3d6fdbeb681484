// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/slots.h"

#include <gtest/gtest.h>

namespace gamesched::workload {
namespace {

constexpr Slots slots{.first_ns = 1000, .period_ns = 100};

struct Case {
  int64_t slot, end_ns, next, missed;
};

class ASlot : public testing::TestWithParam<Case> {};

TEST_P(ASlot, ContinuesWithTheNextThatIsAhead) {
  const auto& [slot, end_ns, next, missed] = GetParam();
  EXPECT_EQ(slots.next_after(slot, end_ns), next);
  EXPECT_EQ(slots.missed(slot, end_ns), missed);
}

INSTANTIATE_TEST_SUITE_P(Ends, ASlot,
                         testing::Values(Case{0, 1001, 1, 0},   // at once
                                         Case{0, 1099, 1, 0},   // just in time
                                         Case{0, 1100, 1, 0},   // on the very start of the next
                                         Case{0, 1101, 2, 1},   // just late
                                         Case{5, 1650, 7, 1},   // one refresh without a new frame
                                         Case{5, 1890, 9, 3},   // three
                                         Case{5, 900, 6, 0}));  // before its own start: clocks apart

}  // namespace
}  // namespace gamesched::workload
