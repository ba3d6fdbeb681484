// SPDX-License-Identifier: GPL-2.0-or-later
//
// The menu: com.canonical.dbusmenu of the model's entries.
//
// Entries keep their identity as long as their kind and place stay, so that a menu that is open changes its
// words and does not close.
#pragma once

#include <libdbusmenu-glib/dbusmenu-glib.h>

#include <functional>
#include <vector>

#include "desktop/glib/memory.h"
#include "desktop/tray/model.h"

namespace gamesched::tray {

class Menu {
 public:
  explicit Menu(const char* path);
  ~Menu();
  Menu(const Menu&) = delete;
  Menu& operator=(const Menu&) = delete;

  // A host is about to show it: what depends on the time may be brought up to date.
  std::function<void()> on_opening;
  std::function<void(const Action&)> on_action;

  void show(const std::vector<Entry>& entries);

 private:
  void fill(DbusmenuMenuitem* parent, const std::vector<Entry>& entries);
  DbusmenuMenuitem* make(Entry::Kind kind);
  static void on_clicked(DbusmenuMenuitem* item, guint timestamp, gpointer self);
  static gboolean on_about_to_show(DbusmenuMenuitem* root, gpointer self);

  glib::Owned<DbusmenuServer> server_;
  glib::Owned<DbusmenuMenuitem> root_;
  std::vector<Entry> shown_;
};

}  // namespace gamesched::tray
