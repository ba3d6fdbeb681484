// SPDX-License-Identifier: GPL-2.0-or-later
//
// gameschedd as the tray sees it: follows its state and its games, and passes on what the user clicks.
//
// Following starts nobody and asks nothing twice: one GetAll and one GetManagedObjects to each gameschedd
// that comes to the bus, then its signals. A click may start it, and may wait for a password.
#pragma once

#include <functional>
#include <string>

#include "desktop/glib/memory.h"
#include "desktop/glib/system_service.h"
#include "desktop/tray/facts.h"

namespace gamesched::tray {

class Scheduler {
 public:
  // "": granted; else why not, for people.
  using Done = std::function<void(const std::string& problem)>;

  Scheduler();
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  std::function<void()> on_change;
  std::function<void(const Ejection&)> on_ejected;

  // Follows from now on. Called again, it looks once more for what did not answer.
  void look();

  // Game::boosted is brought up to date; no signal tells of it.
  void count_threads();

  const Facts& facts() const { return facts_; }

  // One at a time: the rest is dropped, as facts().asking tells.
  void set_enabled(bool enabled, Done done);
  void set_profile(const std::string& profile, Done done);
  void start(Done done);

 private:
  struct Question;
  struct Answer;

  void ask_state();
  void ask_games();
  void subscribe();
  void forget();
  void changed();
  void take_properties(GVariant* properties);
  void take_game(const char* path, GVariant* properties);
  void drop_game(const std::string& path);
  void request(const char* name, const char* path, const char* interface, const char* method,
               GVariant* arguments, Done done);
  static void on_state(GObject* source, GAsyncResult* result, gpointer question);
  static void on_games(GObject* source, GAsyncResult* result, gpointer question);
  static void on_granted(GObject* source, GAsyncResult* result, gpointer question);
  static void on_signal(GDBusConnection* connection, const char* sender, const char* path,
                        const char* interface, const char* signal, GVariant* arguments, gpointer self);
  Question* question(Done done = {});

  glib::Owned<GCancellable> cancelled_;
  glib::SystemService service_;
  guint subscription_ = 0;
  bool state_asked_ = false, games_asked_ = false;
  Facts facts_;
};

}  // namespace gamesched::tray
