// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/glib/system_service.h"

#include <algorithm>

namespace gamesched::glib {
namespace {

// The system bus is not restarted on a machine that is meant to go on; these are for the one that is.
constexpr unsigned reconnect_min_msec = 1'000;
constexpr unsigned reconnect_max_msec = 30'000;

}  // namespace

SystemService::SystemService(const char* name) : name_(name), cancelled_(g_cancellable_new()) {}

SystemService::~SystemService() {
  g_cancellable_cancel(cancelled_.get());
  on_vanished = {};
  disconnected();
}

void SystemService::connect() {
  if (connecting_ || connection_) return;
  reconnect_.cancel();
  const Text address(g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, nullptr, nullptr));
  connecting_ = true;
  // Not g_bus_get(): that connection is shared, and does not come back when the bus does.
  g_dbus_connection_new_for_address(
      address ? address.get() : "",
      static_cast<GDBusConnectionFlags>(G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                        G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION),
      nullptr, cancelled_.get(), on_connection, this);
}

void SystemService::on_connection(GObject* /*source*/, GAsyncResult* result, gpointer data) {
  GError* raw = nullptr;
  GDBusConnection* const connection = g_dbus_connection_new_for_address_finish(result, &raw);
  const Owned<GError> error(raw);
  if (error && g_error_matches(raw, G_IO_ERROR, G_IO_ERROR_CANCELLED)) return;
  auto& self = *static_cast<SystemService*>(data);
  self.connecting_ = false;
  if (connection != nullptr) return self.connected(connection);

  if (self.reconnect_msec_ != 0) {  // it was there before
    self.reconnect_ = Source::after_msec(self.reconnect_msec_, [&self] { self.connect(); });
    self.reconnect_msec_ = std::min(2 * self.reconnect_msec_, reconnect_max_msec);
  }
  if (self.on_no_bus) self.on_no_bus(std::string("no connection to the system bus: ") + error->message);
}

void SystemService::connected(GDBusConnection* connection) {
  connection_.reset(connection);
  reconnect_msec_ = 0;
  g_dbus_connection_set_exit_on_close(connection, FALSE);
  closed_handler_ = g_signal_connect(connection, "closed", G_CALLBACK(on_closed), this);
  watch_ = g_bus_watch_name_on_connection(connection, name_, G_BUS_NAME_WATCHER_FLAGS_NONE, on_name,
                                          on_no_name, this, nullptr);
  if (on_connected) on_connected();
}

void SystemService::disconnected() {
  if (watch_ != 0) g_bus_unwatch_name(std::exchange(watch_, 0U));
  if (connection_) g_signal_handler_disconnect(connection_.get(), closed_handler_);
  connection_.reset();
  owner_.clear();
  if (on_vanished) on_vanished();
}

void SystemService::on_closed(GDBusConnection* /*connection*/, gboolean /*remote*/, GError* /*error*/,
                              gpointer data) {
  auto& self = *static_cast<SystemService*>(data);
  self.disconnected();
  self.reconnect_msec_ = reconnect_min_msec;
  self.reconnect_ = Source::after_msec(reconnect_min_msec, [&self] { self.connect(); });
}

void SystemService::on_name(GDBusConnection* /*connection*/, const char* /*name*/, const char* owner,
                            gpointer data) {
  auto& self = *static_cast<SystemService*>(data);
  self.owner_ = owner;
  if (self.on_owner) self.on_owner();
}

void SystemService::on_no_name(GDBusConnection* /*connection*/, const char* /*name*/, gpointer data) {
  auto& self = *static_cast<SystemService*>(data);
  self.owner_.clear();
  if (self.on_vanished) self.on_vanished();
}

}  // namespace gamesched::glib
