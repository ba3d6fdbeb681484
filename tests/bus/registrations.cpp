// SPDX-License-Identifier: GPL-2.0-or-later
//
// registrations ADDRESS PAIRS: registers and unregisters games as fast as gameschedd answers, PAIRS times
// altogether, for a few processes at once. ADDRESS is of a bus, or "system". As root, whom no limit of
// changes holds up. Ends with 1 at the first answer that is no success.
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

const char* const service = "org.gamesched.Scheduler1";
const char* const object = "/org/gamesched/Scheduler1";
// The service answers one while the next is on its way; it lets one client have 16 under way.
constexpr int processes = 8;
// A machine that does something else too may let us wait; a reply that never comes is an error.
constexpr uint64_t patience_usec = 120'000'000;

int check(int result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(-result));
  return result;
}

struct Run {
  sd_bus* bus = nullptr;
  long to_begin = 0, under_way = 0, done = 0;
};

// A process that only is there, and ends with us.
struct Game {
  Run* run = nullptr;
  pid_t pid = 0;
  int pidfd = -1;

  void begin() {
    if (run->to_begin == 0) return;
    --run->to_begin;
    ++run->under_way;
    check(sd_bus_call_method_async(run->bus, nullptr, service, object, service, "RegisterGame", registered,
                                   this, "ha{sv}", pidfd, 1, "name", "s", "soak"),
          "RegisterGame");
  }

  sd_bus_message* success(sd_bus_message* reply) const {
    if (const sd_bus_error* const error = sd_bus_message_get_error(reply))
      throw std::runtime_error(std::string(error->name) + ": " + error->message + " (after " +
                               std::to_string(run->done) + " pairs)");
    return reply;
  }
  static int registered(sd_bus_message* reply, void* data, sd_bus_error*) try {
    auto& self = *static_cast<Game*>(data);
    const char* path = nullptr;
    check(sd_bus_message_read(self.success(reply), "o", &path), "an object path");
    return check(sd_bus_call_method_async(self.run->bus, nullptr, service, object, service, "UnregisterGame",
                                          unregistered, data, "o", path),
                 "UnregisterGame");
  } catch (const std::exception& error) {
    fail(error);
  }
  static int unregistered(sd_bus_message* reply, void* data, sd_bus_error*) try {
    auto& self = *static_cast<Game*>(data);
    self.success(reply);
    --self.run->under_way;
    ++self.run->done;
    self.begin();
    return 0;
  } catch (const std::exception& error) {
    fail(error);
  }
  // No exception crosses libsystemd.
  [[noreturn]] static void fail(const std::exception& error) {
    std::fprintf(stderr, "registrations: %s\n", error.what());
    std::exit(1);
  }
};

sd_bus* connect_to(const char* address) {
  sd_bus* bus = nullptr;
  if (std::strcmp(address, "system") == 0) {
    check(sd_bus_open_system(&bus), "the system bus");
    return bus;
  }
  check(sd_bus_new(&bus), "a bus");
  check(sd_bus_set_address(bus, address), address);
  check(sd_bus_set_bus_client(bus, 1), "a client");
  check(sd_bus_start(bus), address);
  return bus;
}

void run(const char* address, long pairs) {
  Run run{.bus = connect_to(address), .to_begin = pairs};
  check(sd_bus_set_method_call_timeout(run.bus, patience_usec), "a timeout");
  std::vector<Game> games(processes);
  for (Game& game : games) {
    game.run = &run;
    game.pid = fork();
    if (game.pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
    game.pidfd = static_cast<int>(syscall(SYS_pidfd_open, game.pid, 0));
    if (game.pidfd < 0) throw std::runtime_error("pidfd_open failed");
  }
  for (Game& game : games) game.begin();
  while (run.under_way > 0) {
    if (check(sd_bus_process(run.bus, nullptr), "the bus") == 0)
      check(sd_bus_wait(run.bus, UINT64_MAX), "the bus");
  }
  for (const Game& game : games) kill(game.pid, SIGKILL);
  sd_bus_flush_close_unref(run.bus);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::runtime_error("usage: registrations ADDRESS|system PAIRS");
    run(argv[1], std::strtol(argv[2], nullptr, 10));
  } catch (const std::exception& error) {
    Game::fail(error);
  }
}
