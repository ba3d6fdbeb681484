// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/daemon.h"
#include "service/kernel/loader.h"

int main(int argc, char** argv) {
  return gamesched::daemon_main(argc, argv, gamesched::kernel::make_backend);
}
