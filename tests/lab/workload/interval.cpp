// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/interval.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace gamesched::workload {

bool Control::announce_and_arm(Interval& interval, const std::string& word) const {
  if (!ready_path.empty()) {
    std::ofstream ready(ready_path);
    ready << getpid() << ' ' << word << '\n';
    if (!ready.flush()) throw std::runtime_error("cannot write " + ready_path);
  } else {
    std::cerr << getpid() << ' ' << word << '\n';
  }
  if (!go) {
    const int64_t start_ns = now_ns() + static_cast<int64_t>(warmup_seconds * ns_per_s);
    interval.set(start_ns, start_ns + static_cast<int64_t>(seconds * ns_per_s));
    return true;
  }
  int64_t start_ns = 0;
  int64_t stop_ns = 0;
  if (!(std::cin >> start_ns >> stop_ns)) throw std::runtime_error("no interval on stdin");
  interval.set(start_ns, stop_ns);
  return now_ns() < start_ns;
}

void Control::write(const std::string& document) const {
  if (out_path.empty()) {
    std::cout << document << '\n';
    if (!std::cout.flush()) throw std::runtime_error("cannot write to stdout");
    return;
  }
  std::ofstream out(out_path);
  out << document << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + out_path);
}

}  // namespace gamesched::workload
