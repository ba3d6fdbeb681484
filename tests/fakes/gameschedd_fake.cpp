// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedd on a kernel in a folder (GAMESCHED_FAKE_KERNEL).
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "service/daemon.h"
#include "tests/fakes/file_backend.h"

int main(int argc, char** argv) {
  const char* const folder = std::getenv("GAMESCHED_FAKE_KERNEL");
  if (folder == nullptr) {
    std::fputs("gameschedd-fake: GAMESCHED_FAKE_KERNEL names no folder\n", stderr);
    return 2;
  }
  return gamesched::daemon_main(argc, argv,
                                [folder] { return std::make_unique<gamesched::fakes::FileBackend>(folder); });
}
