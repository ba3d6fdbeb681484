// SPDX-License-Identifier: GPL-2.0-or-later
//
// stamp: the smallest game. Prints the time of its first instruction, then waits for the end of stdin.
// stamp PROGRAM ARGUMENT...: the smallest launcher. Writes the time of day in ns to standard error, and
// executes PROGRAM in its place.
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "tests/lab/workload/clock.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    dprintf(STDERR_FILENO, "%" PRId64 "\n",
            int64_t{now.tv_sec} * gamesched::workload::ns_per_s + now.tv_nsec);
    execv(argv[1], argv + 1);
    std::perror(argv[1]);
    return 1;
  }
  std::printf("%" PRId64 "\n", gamesched::workload::now_ns());
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}
