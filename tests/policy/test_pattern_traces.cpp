// SPDX-License-Identifier: GPL-2.0-or-later
//
// Patterns against what real programs did (tests/fixtures/wakeups.txt): how often a thread that keeps time is
// taken for none, and one that does not for one that does. Prints the rates of every program.
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "bpf/policy/pattern.h"

namespace gamesched::tests {
namespace {

struct Verdicts {
  int threads = 0, wakeups = 0, periodic = 0;
  double share() const { return wakeups == 0 ? 0 : static_cast<double>(periodic) / wakeups; }
};

constexpr int warm_up = 8;  // wake-ups that are not judged

// Of one line: DISTANCE:BURST in microseconds, each BURST what was used before the wake-up it stands with.
void judge(std::istream& words, Verdicts& verdicts) {
  gs_pattern pattern{};
  u64 now = GS_SEC, burst_avg = 0;
  int number = 0;
  verdicts.threads++;
  gs_pattern_woken(&pattern, now);
  for (std::string word; words >> word; ++number) {
    const std::size_t colon = word.find(':');
    burst_avg = gs_ewma4(burst_avg, std::stoull(word.substr(colon + 1)) * GS_USEC);
    gs_pattern_woken(&pattern, now += std::stoull(word.substr(0, colon)) * GS_USEC);
    if (number < warm_up) continue;
    verdicts.wakeups++;
    verdicts.periodic += gs_pattern_periodic(&pattern, burst_avg);
  }
}

TEST(RecordedWakeups, AreToldApart) {
  std::ifstream file(GAMESCHED_SOURCE_ROOT "/tests/fixtures/wakeups.txt");
  ASSERT_TRUE(file.is_open());
  std::map<std::string, Verdicts> of_kind, of_program;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string program, thread, kind;
    words >> program >> thread >> kind;
    const auto position = words.tellg();
    judge(words, of_kind[kind]);
    words.clear();
    words.seekg(position);
    judge(words, of_program[kind + " " + program]);
  }
  for (const auto& [name, verdicts] : of_program)
    std::cout << name << ": " << verdicts.threads << " threads, " << 100 * verdicts.share() << " % of "
              << verdicts.wakeups << " wake-ups periodic\n";
  for (const auto& [kind, verdicts] : of_kind)
    std::cout << kind << ": " << verdicts.threads << " threads, " << 100 * verdicts.share() << " % of "
              << verdicts.wakeups << '\n';
  // docs/decisions.md has what was measured; these are its bounds.
  EXPECT_GE(of_kind["steady"].threads, 7);
  EXPECT_GE(of_kind["other"].threads, 6);
  EXPECT_LE(1 - of_kind["steady"].share(), 0.05) << "not found";
  EXPECT_LE(of_kind["other"].share(), 0.05) << "found by mistake";
}

}  // namespace
}  // namespace gamesched::tests
