// SPDX-License-Identifier: GPL-2.0-or-later
//
// One poll() for keys, the bus, signals and, while there is something to see that nobody tells, a second's time. The
// picture is drawn when what is known has changed, and sent when it looks different.
#include "desktop/cli/top_command.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <system_error>

#include "desktop/cli/live_source.h"
#include "desktop/cli/live_view.h"
#include "desktop/cli/terminal.h"
#include "service/util/fd.h"
#include "service/util/time.h"

namespace gamesched::cli::live {
namespace {

// Rates are a second's: a look more often would only make them jump.
constexpr uint64_t look_every_usec = usec_per_sec;

UniqueFd take_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) throw std::system_error(errno, std::generic_category(), "cannot take signals");
  return fd;
}

// Whether one of them ends the program; of the others only a new size is left.
bool told_to_end(int fd) {
  bool end = false;
  signalfd_siginfo info{};
  while (::read(fd, &info, sizeof(info)) == sizeof(info)) end = end || info.ssi_signo != SIGWINCH;
  return end;
}

int msec_until(uint64_t then_usec, uint64_t now_usec) {
  return then_usec <= now_usec ? 0 : static_cast<int>((then_usec - now_usec + 999) / 1'000);
}

}  // namespace

void run(const std::string& sched_ext, bool colours) {
  const UniqueFd signals = take_signals();
  Source source(sched_ext);
  Terminal terminal;
  std::size_t scrolled = 0;
  uint64_t look_at_usec = monotonic_usec() + look_every_usec;
  for (;;) {
    const std::size_t games = source.live().status.games.size();
    scrolled = std::min(scrolled, games > 0 ? games - 1 : 0);
    const auto [columns, rows] = terminal.size();
    terminal.show(picture(source.live(), {columns, rows, scrolled}, colours));

    const Source::Wait bus = source.wait();
    const uint64_t now_usec = monotonic_usec();
    int timeout_msec = bus.timeout_msec;
    if (source.wants_look()) {
      const int look_msec = msec_until(look_at_usec, now_usec);
      timeout_msec = timeout_msec < 0 ? look_msec : std::min(timeout_msec, look_msec);
    }
    std::array<pollfd, 4> fds{{{STDIN_FILENO, POLLIN, 0},
                               {signals.get(), POLLIN, 0},
                               {bus.fd, bus.events, 0},
                               {bus.event_fd, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout_msec) < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "cannot wait");
    if (told_to_end(signals.get())) return;
    if (fds[0].revents != 0) {
      const Terminal::Keys keys = terminal.read_keys();
      if (keys.quit) return;
      if (keys.stop) terminal.stop();
      scrolled = static_cast<std::size_t>(std::max(0, static_cast<int>(scrolled) + keys.down));
    }
    source.process();
    if (source.wants_look() && monotonic_usec() >= look_at_usec) {
      source.look();
      look_at_usec = monotonic_usec() + look_every_usec;
    }
  }
}

}  // namespace gamesched::cli::live
