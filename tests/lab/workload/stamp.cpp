// SPDX-License-Identifier: GPL-2.0-or-later
//
// stamp: the smallest game. Prints the time of its first instruction, then waits for the end of stdin.
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "tests/lab/workload/clock.h"

int main() {
  std::printf("%" PRId64 "\n", gamesched::workload::now_ns());
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}
