// SPDX-License-Identifier: GPL-2.0-or-later
//
// calibrate: how fast an idle machine works. The figure is passed to the other workloads, so that all
// of them do the same number of instructions under every scheduler.
#include <algorithm>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/lab/workload/clock.h"
#include "tests/lab/workload/process.h"
#include "tests/lab/workload/spin.h"

namespace gamesched::workload {
namespace {

// The best of several: whatever disturbs a run makes it longer, never shorter.
template <typename Function>
int64_t shortest_ns(int runs, Function function) {
  int64_t best_ns = std::numeric_limits<int64_t>::max();
  for (int run = 0; run < runs; ++run) {
    const int64_t begin_ns = now_ns();
    function();
    best_ns = std::min(best_ns, now_ns() - begin_ns);
  }
  return best_ns;
}

}  // namespace
}  // namespace gamesched::workload

int main() {
  using namespace gamesched::workload;
  prepare_process();
  constexpr uint64_t iterations = 1'000'000;  // some milliseconds: the clock's own cost vanishes in it
  const int64_t loop_ns = shortest_ns(5, [] { spin(iterations); });
  const nlohmann::json result = {
      {"iterations_per_us", static_cast<double>(iterations) * ns_per_us / static_cast<double>(loop_ns)}};
  std::cout << result << '\n';
}
