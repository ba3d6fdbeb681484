// SPDX-License-Identifier: GPL-2.0-or-later
//
// gamesched-tray: whether games are scheduled, at a glance, and the switch for it.
//
// Facts (scheduler.h) become what is shown (model.h) whenever they change; a click becomes a request, and
// what came of it is seen when the facts change. It sleeps in between, and nothing here blocks.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "desktop/tray/item.h"
#include "desktop/tray/live_view.h"
#include "desktop/tray/menu.h"
#include "desktop/tray/notifier.h"
#include "desktop/tray/scheduler.h"
#include "desktop/tray/words.h"

namespace {

using namespace gamesched;

constexpr const char* usage_text =
    "Usage: gamesched-tray [OPTION]\n"
    "Show in the desktop's tray whether games are scheduled by gameschedd, and switch it.\n"
    "\n"
    "  --locale-dir FOLDER  take translations from FOLDER\n"
    "  --help               print this text\n"
    "  --version            print the version\n"
    "\n"
    "One runs in each session; the desktop starts it. See gamesched-tray(1).\n";

constexpr const char* bus_name = "org.gamesched.Tray";
constexpr const char* menu_path = "/MenuBar";

class Tray {
 public:
  Tray(GDBusConnection* session, std::function<void()> quit)
      : quit_(std::move(quit)), item_(session, bus_name, menu_path), menu_(menu_path), notifier_(session) {
    scheduler_.on_change = [this] { show(); };
    scheduler_.on_ejected = [this](const tray::Ejection& ejection) { notify(tray::notice_of(ejection)); };
    menu_.on_opening = [this] {
      scheduler_.look();
      scheduler_.count_threads();
      show();
    };
    menu_.on_action = [this](const tray::Action& action) { act(action); };
    show();
  }

  // Nobody else is there.
  void begin() {
    item_.announce();
    scheduler_.look();
  }

 private:
  void show() {
    const tray::Facts& facts = scheduler_.facts();
    const tray::View view = tray::view_of(facts, static_cast<uint64_t>(g_get_real_time()));
    icon_ = view.icon;
    item_.show(view);
    menu_.show(view.menu);
    if (const auto notice = conflicts_.of(facts)) notify(*notice);
  }

  void notify(const tray::Notice& notice) {
    if (limit_.allows(static_cast<uint64_t>(g_get_monotonic_time()))) notifier_.show(notice, icon_);
  }

  void act(const tray::Action& action) {
    // The user waits for this one, and it takes the place of the one before: no limit.
    const auto done = [this](const std::string& problem) {
      if (!problem.empty()) notifier_.show(tray::notice_of_refusal(problem), icon_);
    };
    switch (action.verb) {
      case tray::Verb::None:
        return;
      case tray::Verb::SetEnabled:
        return scheduler_.set_enabled(action.enabled, done);
      case tray::Verb::SetProfile:
        return scheduler_.set_profile(action.profile, done);
      case tray::Verb::Start:
        return scheduler_.start(done);
      case tray::Verb::OpenView:
        return open_view();
      case tray::Verb::Quit:
        return quit_();
    }
  }

  void open_view() {
    const std::string problem = tray::open_live_view();
    if (!problem.empty()) notifier_.show(tray::notice_of_no_view(problem), icon_);
  }

  std::function<void()> quit_;
  tray::Scheduler scheduler_;
  tray::Item item_;
  tray::Menu menu_;
  tray::Notifier notifier_;
  tray::NoticeLimit limit_;
  tray::ConflictNews conflicts_;
  std::string icon_;
};

struct Life {
  glib::Owned<GMainLoop> loop{g_main_loop_new(nullptr, FALSE)};
  Tray* tray = nullptr;

  void end() { g_main_loop_quit(loop.get()); }
};

void on_name(GDBusConnection* /*connection*/, const char* /*name*/, gpointer life) {
  static_cast<Life*>(life)->tray->begin();
}

void on_no_name(GDBusConnection* connection, const char* /*name*/, gpointer life) {
  if (connection != nullptr && !g_dbus_connection_is_closed(connection))
    std::fputs("gamesched-tray: it runs in this session already\n", stderr);
  static_cast<Life*>(life)->end();
}

void on_closed(GDBusConnection* /*connection*/, gboolean /*remote*/, GError* /*error*/, gpointer life) {
  static_cast<Life*>(life)->end();  // the session has ended
}

int run(const char* locale_folder) {
  tray::use_translations(locale_folder);
  // GLib connects to a bus in a thread, and would keep that awake at times for the next such task.
  g_thread_pool_set_max_unused_threads(0);
  GError* error = nullptr;
  // It has nothing else to do yet.
  const glib::Owned<GDBusConnection> session(g_bus_get_sync(G_BUS_TYPE_SESSION, nullptr, &error));
  if (!session) {
    std::fprintf(stderr, "gamesched-tray: no session bus: %s\n", error->message);
    g_error_free(error);
    return EXIT_FAILURE;
  }
  Life life;
  g_dbus_connection_set_exit_on_close(session.get(), FALSE);
  const gulong closed = g_signal_connect(session.get(), "closed", G_CALLBACK(on_closed), &life);
  const auto on_term = glib::Source::on_signal(SIGTERM, [&life] { life.end(); });
  const auto on_int = glib::Source::on_signal(SIGINT, [&life] { life.end(); });
  Tray tray(session.get(), [&life] { life.end(); });
  life.tray = &tray;
  const guint name = g_bus_own_name_on_connection(
      session.get(), bus_name, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE, on_name, on_no_name, &life, nullptr);
  g_main_loop_run(life.loop.get());
  g_bus_unown_name(name);
  g_signal_handler_disconnect(session.get(), closed);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const char* locale_folder = GAMESCHED_LOCALEDIR;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help") return std::fputs(usage_text, stdout) < 0;
    if (word == "--version") return std::puts("gamesched-tray " GAMESCHED_VERSION) < 0;
    if (word == "--locale-dir" && i + 1 < argc) {
      locale_folder = argv[++i];
      continue;
    }
    std::fprintf(stderr, "gamesched-tray: %s '%s'; see gamesched-tray --help\n",
                 word == "--locale-dir" ? "no folder after" : "unknown argument", argv[i]);
    return 2;
  }
  return run(locale_folder);
}
