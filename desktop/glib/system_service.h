// SPDX-License-Identifier: GPL-2.0-or-later
//
// A service on the system bus, for programs that outlive it, and the bus: the connection, and who owns the
// service's name now.
//
// Looking starts nobody. A bus that was there is connected to again; one that never was is tried anew with
// each connect().
#pragma once

#include <functional>
#include <string>

#include "desktop/glib/memory.h"

namespace gamesched::glib {

class SystemService {
 public:
  explicit SystemService(const char* name);
  ~SystemService();
  SystemService(const SystemService&) = delete;
  SystemService& operator=(const SystemService&) = delete;

  // connection() can be used.
  std::function<void()> on_connected;
  // connect() has failed: a sentence for people.
  std::function<void(const std::string&)> on_no_bus;
  // The name has an owner, another one than before; or none any more, which is also told when the bus is
  // lost.
  std::function<void()> on_owner;
  std::function<void()> on_vanished;

  // Answers by on_connected or on_no_bus, later; does nothing while connected or connecting.
  void connect();

  // null while not connected.
  GDBusConnection* connection() const { return connection_.get(); }
  // Its unique name, "" when there is none.
  const std::string& owner() const { return owner_; }

 private:
  void connected(GDBusConnection* connection);
  void disconnected();
  static void on_connection(GObject* source, GAsyncResult* result, gpointer self);
  static void on_closed(GDBusConnection* connection, gboolean remote, GError* error, gpointer self);
  static void on_name(GDBusConnection* connection, const char* name, const char* owner, gpointer self);
  static void on_no_name(GDBusConnection* connection, const char* name, gpointer self);

  const char* name_;
  Owned<GCancellable> cancelled_;
  Owned<GDBusConnection> connection_;
  bool connecting_ = false;
  gulong closed_handler_ = 0;
  guint watch_ = 0;
  std::string owner_;
  Source reconnect_;
  unsigned reconnect_msec_ = 0;  // 0: it has never been there
};

}  // namespace gamesched::glib
