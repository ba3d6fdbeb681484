// SPDX-License-Identifier: GPL-2.0-or-later
//
// echo: answers the datagrams of frameloop --net, with the time of the answer; at once, or after WAY_MS, as a server
// that is so far away. No part of the game. The ready line carries its port; it answers until it is killed.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "tests/lab/workload/clock.h"
#include "tests/lab/workload/game_threads.h"
#include "tests/lab/workload/process.h"

int main(int argc, char** argv) {
  using namespace gamesched::workload;
  if (argc != 2 && argc != 3) {
    std::cerr << "usage: echo [WAY_MS] READY_PATH\n";
    return 2;
  }
  const int64_t way_ns = argc == 3 ? std::atoi(argv[1]) * ns_per_ms : 0;
  prepare_process();
  const int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(receiver, generic, sizeof address) < 0 || getsockname(receiver, generic, &length) < 0) {
    std::perror("echo: bind");
    return 1;
  }
  std::ofstream(argv[argc - 1]) << getpid() << ' ' << ntohs(address.sin_port) << '\n';
  for (;;) {
    Datagram datagram;
    length = sizeof address;
    if (recvfrom(receiver, &datagram, sizeof datagram, 0, generic, &length) != sizeof datagram) continue;
    if (way_ns > 0) {
      const int64_t arrived_ns = now_ns();
      sleep_until_ns(arrived_ns + way_ns);
      datagram.way_ns = now_ns() - arrived_ns;
    }
    datagram.answered_ns = now_ns();
    sendto(receiver, &datagram, sizeof datagram, 0, generic, length);
  }
}
