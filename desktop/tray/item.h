// SPDX-License-Identifier: GPL-2.0-or-later
//
// The icon: org.kde.StatusNotifierItem on the session bus, made known to each watcher that comes there.
//
// A desktop without a watcher (none, or not yet) costs nothing: its coming is an event. A host that is
// restarted asks the watcher, and then us; nothing is to be done for it.
#pragma once

#include "desktop/glib/memory.h"
#include "desktop/tray/model.h"

namespace gamesched::tray {

class Item {
 public:
  // `bus_name` is owned by this process, `menu` the object path of its com.canonical.dbusmenu.
  Item(GDBusConnection* connection, const char* bus_name, const char* menu);
  ~Item();
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;

  // Tells the hosts what has changed, and nothing if nothing has.
  void show(const View& view);
  // From the first view on.
  void announce();

 private:
  void emit(const char* signal, GVariant* arguments = nullptr);
  static GVariant* on_get(GDBusConnection* connection, const char* sender, const char* path,
                          const char* interface, const char* property, GError** error, gpointer self);
  static void on_watcher(GDBusConnection* connection, const char* name, const char* owner, gpointer self);

  glib::Owned<GDBusConnection> connection_;
  glib::Owned<GDBusNodeInfo> info_;
  const char* bus_name_;
  const char* menu_;
  guint object_ = 0;
  guint watcher_ = 0;
  View view_;
};

}  // namespace gamesched::tray
