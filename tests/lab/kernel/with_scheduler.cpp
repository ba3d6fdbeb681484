// SPDX-License-Identifier: GPL-2.0-or-later
//
// with-scheduler [--no-game] [--counters FILE] COMMAND...
//
// Runs COMMAND as a game under our scheduler, with the daemon's own backend but without bus and daemon: for
// the lab's fast boot. Exits with COMMAND's status; 125 when the scheduler cannot be attached or did not
// stay.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "service/kernel/loader.h"

using gamesched::kernel::SchedState;

namespace {

constexpr int cannot = 125;

int complain(const std::string& what) {
  std::fprintf(stderr, "with-scheduler: %s\n", what.c_str());
  return cannot;
}

}  // namespace

int main(int argc, char** argv) {
  bool game = true;
  const char* counters = nullptr;
  int at = 1;
  for (; at < argc && argv[at][0] == '-'; at++) {
    const std::string_view option = argv[at];
    if (option == "--no-game") game = false;
    if (option == "--counters") counters = argv[++at];
  }
  if (at >= argc) return complain("no command");
  // As the service: real-time, or loading under full load takes its time. The game does not inherit it.
  const sched_param urgent{.sched_priority = 1};
  ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &urgent);
  auto backend = gamesched::kernel::make_backend();
  backend->load();
  for (const auto& detector : backend->detectors())
    if (!detector.attached) complain("detector " + detector.name + ": " + detector.reason);
  if (!backend->support().available) return complain(backend->support().reason);
  int gate[2];
  if (::pipe(gate) != 0) return complain("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    char byte;
    ::close(gate[1]);
    if (::read(gate[0], &byte, 1) != 1) ::_exit(cannot);
    ::close(gate[0]);
    ::execvp(argv[at], argv + at);
    ::_exit(127);
  }
  ::close(gate[0]);
  if (game)
    if (auto added = backend->add_game(1, child); !added) return complain(added.error().message);
  if (auto attached = backend->attach(); !attached) return complain(attached.error().message);
  if (::write(gate[1], "x", 1) != 1) return complain("write");
  int status = 0;
  ::waitpid(child, &status, 0);
  backend->on_exit = [](const auto& info) {
    if (info.error) complain("ejected: " + info.reason + ": " + info.message);
  };
  const bool stayed = backend->state().value == SchedState::Value::Enabled;
  if (std::FILE* file = counters ? std::fopen(counters, "a") : nullptr) {
    for (const auto& counter : backend->counters())
      if (counter.value)
        std::fprintf(file, "%-28s %lu\n", counter.name.c_str(), static_cast<unsigned long>(counter.value));
    std::fclose(file);
  }
  backend->remove_game(1);
  backend->detach();
  if (!stayed) return complain("the scheduler did not stay attached");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
