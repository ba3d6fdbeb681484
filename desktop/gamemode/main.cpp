// SPDX-License-Identifier: GPL-2.0-or-later
//
// gamesched-gamemode: GameMode's interface on the user's session bus, for gameschedd.
//
// Unprivileged and per user; the session bus starts it for the first client. It forwards pidfds and a name,
// nothing else. When it ends, games stay with gameschedd, and the next one takes them up.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "desktop/gamemode/games.h"
#include "desktop/gamemode/scheduler.h"
#include "desktop/gamemode/service.h"

namespace {

using namespace gamesched;

constexpr const char* usage_text =
    "Usage: gamesched-gamemode [OPTION]\n"
    "Offer GameMode's interface on the session bus, and have its games scheduled by gameschedd.\n"
    "\n"
    "  --help         print this text\n"
    "  --version      print the version\n"
    "\n"
    "The session bus starts it when a game asks for GameMode. See gamesched-gamemode(1).\n";

struct Life {
  glib::Owned<GMainLoop> loop{g_main_loop_new(nullptr, FALSE)};
  int status = EXIT_SUCCESS;

  void end(int with) {
    status = with;
    g_main_loop_quit(loop.get());
  }
};

// Where the user's other programs keep what a logout ends.
std::string runtime_folder() {
  const char* const base = g_getenv("XDG_RUNTIME_DIR");
  if (base == nullptr || *base == '\0') return {};
  const std::string folder = std::string(base) + "/gamesched";
  return g_mkdir_with_parents(folder.c_str(), 0700) == 0 ? folder : std::string();
}

void on_name_lost(GDBusConnection* connection, const char* name, gpointer life) {
  // The session's end is seen here first.
  if (connection == nullptr || g_dbus_connection_is_closed(connection)) {
    return static_cast<Life*>(life)->end(EXIT_SUCCESS);
  }
  std::fprintf(stderr,
               "gamesched-gamemode: %s is taken by another program; stop it first: "
               "systemctl --user stop gamemoded gamesched-gamemode\n",
               name);
  static_cast<Life*>(life)->end(EXIT_FAILURE);
}

void on_closed(GDBusConnection* /*connection*/, gboolean /*remote*/, GError* /*error*/, gpointer life) {
  static_cast<Life*>(life)->end(EXIT_SUCCESS);  // the session has ended
}

int run() {
  GError* error = nullptr;
  // It has nothing else to do yet.
  const glib::Owned<GDBusConnection> session(g_bus_get_sync(G_BUS_TYPE_SESSION, nullptr, &error));
  if (!session) {
    std::fprintf(stderr, "gamesched-gamemode: no session bus: %s\n", error->message);
    g_error_free(error);
    return EXIT_FAILURE;
  }
  Life life;
  g_dbus_connection_set_exit_on_close(session.get(), FALSE);
  const gulong closed = g_signal_connect(session.get(), "closed", G_CALLBACK(on_closed), &life);
  const auto on_term = glib::Source::on_signal(SIGTERM, [&life] { life.end(EXIT_SUCCESS); });
  const auto on_int = glib::Source::on_signal(SIGINT, [&life] { life.end(EXIT_SUCCESS); });

  gamemode::Scheduler scheduler;
  gamemode::Games games(scheduler, runtime_folder());
  gamemode::Service service(session.get(), games);
  games.restore();
  const guint name =
      g_bus_own_name_on_connection(session.get(), gamemode::bus_name, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE,
                                   nullptr, on_name_lost, &life, nullptr);
  g_main_loop_run(life.loop.get());
  games.save();
  g_bus_unown_name(name);
  g_signal_handler_disconnect(session.get(), closed);
  return life.status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    const std::string_view word = argv[1];
    if (word == "--help") return std::fputs(usage_text, stdout) < 0;
    if (word == "--version") return std::puts("gamesched-gamemode " GAMESCHED_VERSION) < 0;
    std::fprintf(stderr, "gamesched-gamemode: unknown argument '%s'; see gamesched-gamemode --help\n",
                 argv[1]);
    return 2;
  }
  return run();
}
