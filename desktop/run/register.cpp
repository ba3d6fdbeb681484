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
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

namespace gamesched::run {
namespace {

constexpr const char* service = "org.gamesched.Scheduler1";
constexpr const char* object = "/org/gamesched/Scheduler1";

// GameMode's interface, where it is offered to a process in a sandbox, and to any other.
struct GameMode {
  const char *name, *object, *interface;
};
constexpr GameMode portal{"org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop",
                          "org.freedesktop.portal.GameMode"};
constexpr GameMode bridge{"com.feralinteractive.GameMode", "/com/feralinteractive/GameMode",
                          "com.feralinteractive.GameMode"};

// All that may pass before the game starts, from connecting to the answer. The first game after boot may
// have to wait for gameschedd to be started: some 1.5e9 instructions, nearly all of them the verifier's, at
// real-time priority, so half a second on a busy machine. A player who waits for a hanging service instead
// takes three seconds for the game's own loading.
constexpr uint64_t timeout_usec = 3'000'000;

struct Fd {
  explicit Fd(int fd) : value(fd) {}
  Fd(const Fd&) = delete;
  ~Fd() {
    if (value >= 0) close(value);
  }
  int value;
};

struct Bus {
  ~Bus() { sd_bus_close_unref(value); }
  sd_bus* value = nullptr;
};

struct Message {
  ~Message() { sd_bus_message_unref(value); }
  sd_bus_message* value = nullptr;
};

uint64_t now_usec() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
}

// Runs the connection until done() or the deadline: 0, or a negative errno. sd_bus_call() would not do,
// its timeout does not cover the connection's own set-up.
template <typename Done>
int run_until(sd_bus* bus, uint64_t deadline_usec, Done done) {
  while (!done()) {
    const uint64_t now = now_usec();
    if (now >= deadline_usec) return -ETIMEDOUT;
    int r = sd_bus_process(bus, nullptr);
    if (r < 0) return r;
    if (r > 0) continue;
    r = sd_bus_wait(bus, deadline_usec - now);
    if (r < 0 && r != -EINTR) return r;
  }
  return 0;
}

int append_option(sd_bus_message* message, const char* key, const char* value) {
  return *value == '\0' ? 0 : sd_bus_message_append(message, "{sv}", key, "s", value);
}

int make_call(sd_bus* bus, int pidfd, const Options& options, sd_bus_message** call) {
  int r = sd_bus_message_new_method_call(bus, call, service, object, service, "RegisterGame");
  if (r >= 0) r = sd_bus_message_append(*call, "h", pidfd);
  if (r >= 0) r = sd_bus_message_open_container(*call, 'a', "{sv}");
  if (r >= 0) r = append_option(*call, "name", options.name);
  if (r >= 0) r = append_option(*call, "app-id", options.app_id);
  if (r >= 0) r = append_option(*call, "profile", options.profile);
  if (r >= 0 && options.target_fps != 0) {
    r = sd_bus_message_append(*call, "{sv}", "target-fps", "u", options.target_fps);
  }
  if (r >= 0) r = sd_bus_message_close_container(*call);
  return r;
}

int keep_reply(sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
  static_cast<Message*>(userdata)->value = sd_bus_message_ref(reply);
  return 1;
}

bool says_absent(const sd_bus_error* error) {
  return sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
         sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER);
}

bool is_about_profile(const sd_bus_error& error) {
  return sd_bus_error_has_name(&error, "org.gamesched.Error.InvalidArgument") ||
         sd_bus_error_has_name(&error, "org.gamesched.Error.NoSuchProfile");
}

Problem problem_of_error(const sd_bus_error& error) {
  if (says_absent(&error)) return problem("gameschedd is not installed or not running");
  if (error.message == nullptr || *error.message == '\0')
    return problem("gameschedd answered %s", error.name);
  // A sentence; here it is a clause.
  const size_t size = strlen(error.message);
  return problem("%.*s", static_cast<int>(error.message[size - 1] == '.' ? size - 1 : size), error.message);
}

Problem problem_of_bus(int error) {
  if (error == -ETIMEDOUT) {
    return problem("gameschedd did not answer within %u s", static_cast<unsigned>(timeout_usec / 1'000'000));
  }
  return problem("no connection to the system bus (%s)", strerror(-error));
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

namespace {

int wait_until_ready(sd_bus* bus, uint64_t deadline_usec) {
  return run_until(bus, deadline_usec, [&] { return sd_bus_is_ready(bus) > 0; });
}

int ask(sd_bus* bus, sd_bus_message* call, uint64_t deadline_usec, Message* reply) {
  const uint64_t never = UINT64_MAX;  // the deadline is run_until()'s
  const int r = sd_bus_call_async(bus, nullptr, call, keep_reply, reply, never);
  return r < 0 ? r : run_until(bus, deadline_usec, [&] { return reply->value != nullptr; });
}

enum class Reach {
  Answered,  // or nobody did in time: there is none left to ask elsewhere
  Filtered,  // as where a sandbox's proxy hides the name or refuses the call
  NoBus,
};

Reach ask_service(sd_bus* bus, int pidfd, const Options& options, uint64_t deadline_usec,
                  Registration* result) {
  Message call, reply;
  int r = make_call(bus, pidfd, options, &call.value);
  if (r < 0) {
    result->problem = problem("cannot make the request (%s)", strerror(-r));
    return Reach::Answered;
  }
  r = ask(bus, call.value, deadline_usec, &reply);
  if (r < 0) {
    result->problem = problem_of_bus(r);
    return Reach::Answered;
  }
  const sd_bus_error* const error = sd_bus_message_get_error(reply.value);
  result->done = error == nullptr;
  if (error == nullptr) return Reach::Answered;
  result->problem = problem_of_error(*error);
  if (*options.profile != '\0' && is_about_profile(*error)) {
    // An older gameschedd, or one without that profile: the game matters more than its profile.
    Options plain = options;
    plain.profile = "";
    const Problem without_profile = result->problem;
    const Reach reach = ask_service(bus, pidfd, plain, deadline_usec, result);
    if (result->done) result->problem = without_profile;
    return reach;
  }
  const bool filtered = says_absent(error) || sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED);
  return filtered ? Reach::Filtered : Reach::Answered;
}

Reach ask_system(int pidfd, const Options& options, uint64_t deadline_usec, Registration* result) {
  Bus bus;
  int r = sd_bus_open_system_with_description(&bus.value, "gamesched-run");
  if (r >= 0) r = wait_until_ready(bus.value, deadline_usec);
  if (r >= 0) return ask_service(bus.value, pidfd, options, deadline_usec, result);
  result->problem = problem_of_bus(r);
  return r == -ETIMEDOUT ? Reach::Answered : Reach::NoBus;
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

// Nobody minds when this fails: the reason why it was tried is what the user is told.
bool ask_session(int pidfd, uint64_t deadline_usec) {
  Bus bus;
  int r = sd_bus_open_user_with_description(&bus.value, "gamesched-run");
  if (r >= 0) r = wait_until_ready(bus.value, deadline_usec);
  if (r < 0) return false;
  const GameMode& to = in_portals_sandbox() ? portal : bridge;
  Message call, reply;
  r = sd_bus_message_new_method_call(bus.value, &call.value, to.name, to.object, to.interface,
                                     "RegisterGameByPIDFd");
  if (r >= 0) r = sd_bus_message_append(call.value, "hh", pidfd, pidfd);
  if (r >= 0) r = ask(bus.value, call.value, deadline_usec, &reply);
  int32_t status = -1;
  return r >= 0 && sd_bus_message_get_error(reply.value) == nullptr &&
         sd_bus_message_read(reply.value, "i", &status) >= 0 && status == 0;
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

  const Reach reach = ask_system(pidfd.value, options, deadline_usec, &result);
  const bool elsewhere = reach == Reach::NoBus || (reach == Reach::Filtered && in_sandbox());
  if (elsewhere && ask_session(pidfd.value, deadline_usec)) return {.done = true, .problem = {}};
  return result;
}

}  // namespace gamesched::run
