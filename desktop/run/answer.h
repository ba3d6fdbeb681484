// SPDX-License-Identifier: GPL-2.0-or-later
//
// What became of a request, whichever way it went, and what both ways need.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "desktop/run/register.h"

namespace gamesched::run {

enum class Reach {
  Answered,  // or nobody did in time: there is none left to ask elsewhere
  Filtered,  // as where a sandbox's proxy hides the name or refuses the call
  Nobody,    // no socket, no bus
};

constexpr size_t max_error_name = 128;

struct Answer {
  Reach reach = Reach::Answered;
  bool done = false;
  char error[max_error_name] = "";  // D-Bus error name
  Problem problem{};
};

struct Fd {
  explicit Fd(int fd) : value(fd) {}
  Fd(const Fd&) = delete;
  ~Fd() {
    if (value >= 0) close(value);
  }
  int value;
};

inline uint64_t now_usec() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
}

// The service's sentence, as a clause.
inline Problem problem_of_message(const char* message, size_t size) {
  if (size > 0 && message[size - 1] == '.') size--;
  return problem("%.*s", static_cast<int>(size), message);
}

Problem problem_of_silence();

}  // namespace gamesched::run
