// SPDX-License-Identifier: GPL-2.0-or-later
//
// What BPF programs of this process cost: run time by the kernel's statistics, and an empty program at the
// same hook, whose time is what the statistics and the trampoline take themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gamesched::lab {

struct Cost {
  uint64_t run_time_ns = 0, runs = 0, recursion_misses = 0;
  Cost operator-(const Cost& before) const {
    return {run_time_ns - before.run_time_ns, runs - before.runs, recursion_misses - before.recursion_misses};
  }
  double mean_ns() const {
    return runs == 0 ? 0 : static_cast<double>(run_time_ns) / static_cast<double>(runs);
  }
};

// The descriptor of a program or map of this process, by the first 15 letters of its name; throws when there
// is none.
int program_named(std::string_view name);
int map_named(std::string_view name, int number = 0);  // number: of several with that name

Cost cost_of(int program);

// While one lives the kernel measures every program; costs of programs include that of measuring.
class Statistics {
 public:
  Statistics();
  ~Statistics();
  Statistics(const Statistics&) = delete;
  Statistics& operator=(const Statistics&) = delete;

 private:
  int fd_;
};

// "return 0" at the entry of a function of vmlinux, or at a tracepoint of it.
class EmptyProgram {
 public:
  enum class At { Function, Tracepoint };
  explicit EmptyProgram(const std::string& name, At at = At::Function);
  ~EmptyProgram();
  EmptyProgram(const EmptyProgram&) = delete;
  EmptyProgram& operator=(const EmptyProgram&) = delete;
  Cost cost() const { return cost_of(program_); }

 private:
  int program_ = -1, link_ = -1;
};

}  // namespace gamesched::lab
