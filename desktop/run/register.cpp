// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/run/register.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "desktop/run/answer.h"
#include "desktop/run/bus.h"
#include "desktop/run/socket.h"

namespace gamesched::run {
namespace {

// All that may pass before the game starts, from connecting to the answer. The first game after boot may
// have to wait for gameschedd to be started: some 1.5e9 instructions, nearly all of them the verifier's, at
// real-time priority, so half a second on a busy machine. A player who waits for a hanging service instead
// takes three seconds for the game's own loading.
constexpr uint64_t timeout_usec = 3'000'000;

bool is_about_profile(const Answer& answer) {
  return strcmp(answer.error, "org.gamesched.Error.InvalidArgument") == 0 ||
         strcmp(answer.error, "org.gamesched.Error.NoSuchProfile") == 0;
}

}  // namespace

Problem problem(const char* format, ...) {
  Problem text{};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  for (char& c : text) {
    if (c != '\0' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)) c = '?';
  }
  return text;
}

Problem problem_of_silence() {
  return problem("gameschedd did not answer within %u s", static_cast<unsigned>(timeout_usec / 1'000'000));
}

namespace {

// By the short way where it is open; else over the bus, which starts the service where it does not run.
Answer ask_service(int pidfd, const Options& options, uint64_t deadline_usec) {
  const Answer answer = ask_socket(options, deadline_usec);
  return answer.reach == Reach::Nobody ? ask_system_bus(pidfd, options, deadline_usec) : answer;
}

// As libgamemode decides it.
bool in_portals_sandbox() {
  struct stat info{};
  return (stat("/.flatpak-info", &info) == 0 && info.st_size > 0) || getenv("SNAP") != nullptr;
}

// Of Flatpak, or the container that Steam runs its games in.
bool in_sandbox() {
  return in_portals_sandbox() || access("/run/pressure-vessel", F_OK) == 0 ||
         access("/run/host/container-manager", F_OK) == 0;
}

}  // namespace

Registration register_self(const Options& options) {
  const uint64_t deadline_usec = now_usec() + timeout_usec;
  Registration result;

  // Where standard error is closed, its number is free; nothing of ours may take it.
  const Fd opened(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0U)));
  const Fd pidfd(opened.value < 0 ? -1 : fcntl(opened.value, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (pidfd.value < 0) {
    result.problem = problem("cannot open a pidfd (%s)", strerror(errno));
    return result;
  }

  Answer answer = ask_service(pidfd.value, options, deadline_usec);
  if (*options.profile != '\0' && is_about_profile(answer)) {
    // An older gameschedd, or one without that profile: the game matters more than its profile.
    Options plain = options;
    plain.profile = "";
    const Problem without_profile = answer.problem;
    answer = ask_service(pidfd.value, plain, deadline_usec);
    if (answer.done) answer.problem = without_profile;
  }
  const bool elsewhere = answer.reach == Reach::Nobody || (answer.reach == Reach::Filtered && in_sandbox());
  if (elsewhere && ask_session_bus(pidfd.value, deadline_usec, in_portals_sandbox()))
    return {.done = true, .problem = {}};
  result.done = answer.done;
  result.problem = answer.problem;
  return result;
}

}  // namespace gamesched::run
