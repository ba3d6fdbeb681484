// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/gamemode/scheduler.h"

#include <gio/gunixfdlist.h>

#include <cstring>

namespace gamesched::gamemode {
namespace {

constexpr const char* service = "org.gamesched.Scheduler1";
constexpr const char* object = "/org/gamesched/Scheduler1";
constexpr const char* error_prefix = "org.gamesched.Error.";

// As long as gamesched-run waits, and for the same reason: it covers the start of gameschedd by the bus.
constexpr int timeout_msec = 3'000;

std::string without_prefix(const char* remote) {
  return g_str_has_prefix(remote, error_prefix) ? remote + std::strlen(error_prefix) : "";
}

}  // namespace

struct Scheduler::Call {
  const char* method;
  glib::Owned<GVariant> arguments;
  glib::Owned<GUnixFDList> files;  // or null
  Done done;                       // or empty
};

Scheduler::Scheduler() : cancelled_(g_cancellable_new()), service_(service) {
  service_.on_connected = [this] {
    for (auto& call : std::exchange(before_connected_, {})) send(std::move(call));
  };
  service_.on_no_bus = [this](const std::string& problem) {
    for (auto& call : std::exchange(before_connected_, {})) {
      if (call->done) call->done({.kind = Answer::Kind::Absent, .game = {}, .problem = problem});
    }
  };
  service_.on_owner = [this] {
    if (on_new_owner) on_new_owner();
  };
}

Scheduler::~Scheduler() {
  g_cancellable_cancel(cancelled_.get());
}

void Scheduler::register_game(int pidfd, const std::string& name, Done done) {
  glib::Owned<GUnixFDList> files(g_unix_fd_list_new());
  // Fails when the table of descriptors is full.
  const int handle = g_unix_fd_list_append(files.get(), pidfd, nullptr);
  if (handle < 0) return done({.kind = Answer::Kind::Full, .game = {}, .problem = "too many open files"});
  GVariantBuilder options;
  g_variant_builder_init(&options, G_VARIANT_TYPE("a{sv}"));
  if (!name.empty()) g_variant_builder_add(&options, "{sv}", "name", g_variant_new_string(name.c_str()));
  g_variant_builder_add(&options, "{sv}", "source", g_variant_new_string("gamemode"));
  GVariant* const arguments = g_variant_new("(ha{sv})", handle, &options);
  send(std::unique_ptr<Call>(new Call{"RegisterGame", glib::Owned<GVariant>(g_variant_ref_sink(arguments)),
                                      std::move(files), std::move(done)}));
}

void Scheduler::unregister_game(const std::string& game) {
  if (service_.owner().empty()) return;  // whoever comes next is told what there is then
  GVariant* const arguments = g_variant_new("(o)", game.c_str());
  send(std::unique_ptr<Call>(
      new Call{"UnregisterGame", glib::Owned<GVariant>(g_variant_ref_sink(arguments)), nullptr, {}}));
}

void Scheduler::send(std::unique_ptr<Call> call) {
  if (service_.connection() == nullptr) {
    before_connected_.push_back(std::move(call));
    return service_.connect();
  }
  GVariant* const arguments = call->arguments.get();
  GUnixFDList* const files = call->files.get();
  const char* const method = call->method;
  const GVariantType* const type = call->done ? G_VARIANT_TYPE("(o)") : G_VARIANT_TYPE("()");
  g_dbus_connection_call_with_unix_fd_list(service_.connection(), service, object, service, method, arguments,
                                           type, G_DBUS_CALL_FLAGS_NONE, timeout_msec, files,
                                           cancelled_.get(), on_answer, call.release());
}

void Scheduler::on_answer(GObject* source, GAsyncResult* result, gpointer data) {
  const std::unique_ptr<Call> call(static_cast<Call*>(data));
  GError* raw = nullptr;
  const glib::Owned<GVariant> reply(
      g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), nullptr, result, &raw));
  const glib::Owned<GError> error(raw);
  if (error && g_error_matches(raw, G_IO_ERROR, G_IO_ERROR_CANCELLED)) return;  // the owner is gone
  if (!call->done) {
    if (error) g_debug("gameschedd did not unregister a game: %s", error->message);
    return;
  }
  if (error) return call->done(answer_of(raw));
  const char* game = nullptr;
  g_variant_get(reply.get(), "(&o)", &game);
  call->done({.kind = Answer::Kind::Taken, .game = game, .problem = {}});
}

Answer Scheduler::answer_of(const GError* error) {
  const glib::Text remote(g_dbus_error_get_remote_error(error));
  glib::Owned<GError> stripped(g_error_copy(error));
  g_dbus_error_strip_remote_error(stripped.get());
  const std::string message = stripped->message;
  if (remote) {
    const std::string name = without_prefix(remote.get());
    if (name == "AlreadyRegistered") {
      const std::size_t path = message.rfind(" /");  // the message ends with it
      return {.kind = Answer::Kind::Taken,
              .game = path == message.npos || !g_variant_is_object_path(message.c_str() + path + 1)
                          ? ""
                          : message.substr(path + 1),
              .problem = {}};
    }
    if (name == "LimitsExceeded") return {.kind = Answer::Kind::Full, .game = {}, .problem = message};
    if (!name.empty() || g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED)) {
      return {.kind = Answer::Kind::Refused, .game = {}, .problem = message};
    }
  }
  // The bus lets a client have so many questions open and no more (dbus-daemon: 128).
  if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED))
    return {.kind = Answer::Kind::Full, .game = {}, .problem = message};
  const bool died = g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) ||
                    g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  const bool silent = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
                      g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMED_OUT) ||
                      g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT);
  return {.kind = died     ? Answer::Kind::Died
                  : silent ? Answer::Kind::Silent
                           : Answer::Kind::Absent,
          .game = {},
          .problem = message};
}

}  // namespace gamesched::gamemode
