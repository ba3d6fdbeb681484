// SPDX-License-Identifier: GPL-2.0-or-later
//
// com.feralinteractive.GameMode on the session bus: types and numbers, no decisions.
//
// Signals and PropertiesChanged(ClientCount) go out before the reply that they belong to, as GameMode's do:
// clients read their cached property right after the reply.
#pragma once

#include "desktop/gamemode/games.h"
#include "desktop/glib/memory.h"

namespace gamesched::gamemode {

inline constexpr const char* bus_name = "com.feralinteractive.GameMode";

class Service {
 public:
  // On the session bus `connection`; throws nothing, a failure is a bug and ends the process.
  Service(GDBusConnection* connection, Games& games);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

 private:
  struct Request;

  void called(const char* method, GVariant* arguments, GDBusMethodInvocation* invocation);
  void called_by_number(const char* verb, GVariant* arguments, GDBusMethodInvocation* invocation);
  void called_by_pidfd(const char* verb, GVariant* arguments, GDBusMethodInvocation* invocation);
  void decide(Request& request, GDBusMethodInvocation* invocation);
  void tell(const char* signal, pid_t pid);
  GVariant* list() const;

  static void on_call(GDBusConnection* connection, const char* sender, const char* path,
                      const char* interface, const char* method, GVariant* arguments,
                      GDBusMethodInvocation* invocation, gpointer self);
  static GVariant* on_get(GDBusConnection* connection, const char* sender, const char* path,
                          const char* interface, const char* property, GError** error, gpointer self);
  static char** on_enumerate(GDBusConnection* connection, const char* sender, const char* path,
                             gpointer self);
  static GDBusInterfaceInfo** on_introspect_game(GDBusConnection* connection, const char* sender,
                                                 const char* path, const char* node, gpointer self);
  static const GDBusInterfaceVTable* on_dispatch_game(GDBusConnection* connection, const char* sender,
                                                      const char* path, const char* interface,
                                                      const char* node, gpointer* out, gpointer self);
  static void on_call_of_game(GDBusConnection* connection, const char* sender, const char* path,
                              const char* interface, const char* method, GVariant* arguments,
                              GDBusMethodInvocation* invocation, gpointer self);
  static void on_sender(GObject* source, GAsyncResult* result, gpointer request);

  glib::Owned<GDBusConnection> connection_;
  Games& games_;
  glib::Owned<GDBusNodeInfo> info_;
  guint object_ = 0;
  guint game_objects_ = 0;
};

}  // namespace gamesched::gamemode
