// SPDX-License-Identifier: GPL-2.0-or-later
//
// Notifications on the desktop. One at a time: a new one takes the place of the one before.
#pragma once

#include "desktop/glib/memory.h"
#include "desktop/tray/model.h"

namespace gamesched::tray {

class Notifier {
 public:
  explicit Notifier(GDBusConnection* connection);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // A desktop without notifications shows none.
  void show(const Notice& notice, const std::string& icon);

 private:
  static void on_shown(GObject* source, GAsyncResult* result, gpointer self);

  glib::Owned<GDBusConnection> connection_;
  glib::Owned<GCancellable> cancelled_;
  guint32 last_ = 0;
};

}  // namespace gamesched::tray
