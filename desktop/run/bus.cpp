// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/run/bus.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

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

// libsystemd's functions under their own names: in this namespace those mean the library that load() found.
#define LIBSYSTEMD_FUNCTIONS(X)          \
  X(sd_bus_call_async)                   \
  X(sd_bus_close_unref)                  \
  X(sd_bus_error_has_name)               \
  X(sd_bus_is_ready)                     \
  X(sd_bus_message_append)               \
  X(sd_bus_message_close_container)      \
  X(sd_bus_message_get_error)            \
  X(sd_bus_message_new_method_call)      \
  X(sd_bus_message_open_container)       \
  X(sd_bus_message_read)                 \
  X(sd_bus_message_ref)                  \
  X(sd_bus_message_unref)                \
  X(sd_bus_open_system_with_description) \
  X(sd_bus_open_user_with_description)   \
  X(sd_bus_process)                      \
  X(sd_bus_wait)

#define DECLARE(function) decltype(&::function) function = nullptr;
LIBSYSTEMD_FUNCTIONS(DECLARE)
#undef DECLARE

// Stays until the exec.
bool load() {
  void* const library = dlopen("libsystemd.so.0", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return false;
#define FIND(function) \
  if ((function = reinterpret_cast<decltype(function)>(dlsym(library, #function))) == nullptr) return false;
  LIBSYSTEMD_FUNCTIONS(FIND)
#undef FIND
  return true;
}

struct Bus {
  ~Bus() { sd_bus_close_unref(value); }
  sd_bus* value = nullptr;
};

struct Message {
  ~Message() { sd_bus_message_unref(value); }
  sd_bus_message* value = nullptr;
};

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

Answer answer_of_error(const sd_bus_error& error) {
  Answer answer;
  const bool absent = says_absent(&error);
  answer.reach =
      absent || sd_bus_error_has_name(&error, SD_BUS_ERROR_ACCESS_DENIED) ? Reach::Filtered : Reach::Answered;
  snprintf(answer.error, sizeof(answer.error), "%s", error.name);
  if (absent) {
    answer.problem = problem("gameschedd is not installed or not running");
  } else if (error.message == nullptr || *error.message == '\0') {
    answer.problem = problem("gameschedd answered %s", error.name);
  } else {
    answer.problem = problem_of_message(error.message, strlen(error.message));
  }
  return answer;
}

Answer answer_of_bus(int error) {
  if (error == -ETIMEDOUT) return {.problem = problem_of_silence()};
  return {.reach = Reach::Nobody,
          .problem = problem("no connection to the system bus (%s)", strerror(-error))};
}

int wait_until_ready(sd_bus* bus, uint64_t deadline_usec) {
  return run_until(bus, deadline_usec, [&] { return sd_bus_is_ready(bus) > 0; });
}

int ask(sd_bus* bus, sd_bus_message* call, uint64_t deadline_usec, Message* reply) {
  const uint64_t never = UINT64_MAX;  // the deadline is run_until()'s
  const int r = sd_bus_call_async(bus, nullptr, call, keep_reply, reply, never);
  return r < 0 ? r : run_until(bus, deadline_usec, [&] { return reply->value != nullptr; });
}

}  // namespace

Answer ask_system_bus(int pidfd, const Options& options, uint64_t deadline_usec) {
  if (!load())
    return {.reach = Reach::Nobody, .problem = problem("cannot load libsystemd for the system bus")};
  Bus bus;
  int r = sd_bus_open_system_with_description(&bus.value, "gamesched-run");
  if (r >= 0) r = wait_until_ready(bus.value, deadline_usec);
  if (r < 0) return answer_of_bus(r);
  Message call, reply;
  r = make_call(bus.value, pidfd, options, &call.value);
  if (r < 0) return {.problem = problem("cannot make the request (%s)", strerror(-r))};
  r = ask(bus.value, call.value, deadline_usec, &reply);
  if (r < 0) {
    Answer answer = answer_of_bus(r);
    answer.reach = Reach::Answered;  // it was there
    return answer;
  }
  const sd_bus_error* const error = sd_bus_message_get_error(reply.value);
  if (error != nullptr) return answer_of_error(*error);
  return {.done = true};
}

// Nobody minds when this fails: the reason why it was tried is what the user is told.
bool ask_session_bus(int pidfd, uint64_t deadline_usec, bool by_portal) {
  if (!load()) return false;
  Bus bus;
  int r = sd_bus_open_user_with_description(&bus.value, "gamesched-run");
  if (r >= 0) r = wait_until_ready(bus.value, deadline_usec);
  if (r < 0) return false;
  const GameMode& to = by_portal ? portal : bridge;
  Message call, reply;
  r = sd_bus_message_new_method_call(bus.value, &call.value, to.name, to.object, to.interface,
                                     "RegisterGameByPIDFd");
  if (r >= 0) r = sd_bus_message_append(call.value, "hh", pidfd, pidfd);
  if (r >= 0) r = ask(bus.value, call.value, deadline_usec, &reply);
  int32_t status = -1;
  return r >= 0 && sd_bus_message_get_error(reply.value) == nullptr &&
         sd_bus_message_read(reply.value, "i", &status) >= 0 && status == 0;
}

}  // namespace gamesched::run
