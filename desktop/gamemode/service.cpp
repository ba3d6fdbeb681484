// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/gamemode/service.h"

#include <gio/gunixfdlist.h>

#include <cstring>
#include <string>

#include "desktop/gamemode/interface_xml.h"

namespace gamesched::gamemode {
namespace {

constexpr const char* path = "/com/feralinteractive/GameMode";
constexpr const char* games_path = "/com/feralinteractive/GameMode/Games";
constexpr const char* interface = "com.feralinteractive.GameMode";
constexpr const char* game_interface = "com.feralinteractive.GameMode.Game";

// Beyond these QueryStatus has 0: no game at all.
constexpr int query_active = 1, query_registered = 2;
constexpr int restart_already_off = 1;

std::string path_of_game(pid_t pid) {
  return std::string(games_path) + "/" + std::to_string(pid);
}

// Every invocation is answered exactly once; the answer takes it over.
void reply(GDBusMethodInvocation* invocation, int status) {
  g_dbus_method_invocation_return_value(invocation, g_variant_new("(i)", status));
}

// A failure of ours to describe our own objects: nothing could be served.
void must(guint id, const GError* error) {
  if (id == 0) g_error("cannot export an object: %s", error->message);
}

UniqueFd file_at(GUnixFDList* files, int handle) {
  if (files == nullptr || handle < 0 || handle >= g_unix_fd_list_get_length(files)) return {};
  return UniqueFd(g_unix_fd_list_get(files, handle, nullptr));  // a copy
}

GVariant* property_of(const Game& game, std::string_view name) {
  if (name == "ProcessId") return g_variant_new_int32(game.process.pid);
  if (name == "Requester") return g_variant_new_int32(game.requester);
  if (name == "Timestamp") return g_variant_new_uint64(game.since_sec);
  // A file's name is bytes, a D-Bus string is UTF-8.
  if (name == "Executable") {
    return g_variant_new_take_string(g_utf8_make_valid(game.process.executable.c_str(), -1));
  }
  return nullptr;
}

}  // namespace

// Who is meant, once that is known. `game` is empty when it cannot be found.
struct Service::Request {
  std::string verb;
  std::optional<Process> game;
  pid_t requester = 0;
  bool answerable = true;  // of a question: where GameMode finds who it takes for the requester

  // For a caller that named numbers: they are understood when its own is known.
  Service* service = nullptr;
  pid_t first = 0;
  std::optional<pid_t> second;
  GDBusMethodInvocation* invocation = nullptr;
};

Service::Service(GDBusConnection* connection, Games& games)
    : connection_(glib::share(connection)),
      games_(games),
      info_(g_dbus_node_info_new_for_xml(interface_xml, nullptr)) {
  static constexpr GDBusInterfaceVTable table{
      .method_call = on_call, .get_property = on_get, .set_property = nullptr, .padding = {}};
  // A tree of its own, not an object a game: what is asked of a game that is not there gets its proper error.
  static constexpr GDBusSubtreeVTable games_table{.enumerate = on_enumerate,
                                                  .introspect = on_introspect_game,
                                                  .dispatch = on_dispatch_game,
                                                  .padding = {}};
  GError* error = nullptr;
  object_ = g_dbus_connection_register_object(connection, path,
                                              g_dbus_node_info_lookup_interface(info_.get(), interface),
                                              &table, this, nullptr, &error);
  must(object_, error);
  game_objects_ = g_dbus_connection_register_subtree(connection, games_path, &games_table,
                                                     G_DBUS_SUBTREE_FLAGS_DISPATCH_TO_UNENUMERATED_NODES,
                                                     this, nullptr, &error);
  must(game_objects_, error);
  games_.on_registered = [this](const Game& game) { tell("GameRegistered", game.process.pid); };
  games_.on_unregistered = [this](const Game& game) { tell("GameUnregistered", game.process.pid); };
}

Service::~Service() {
  games_.on_registered = games_.on_unregistered = nullptr;
  g_dbus_connection_unregister_subtree(connection_.get(), game_objects_);
  g_dbus_connection_unregister_object(connection_.get(), object_);
}

void Service::on_call(GDBusConnection* /*connection*/, const char* /*sender*/, const char* /*path*/,
                      const char* /*interface*/, const char* method, GVariant* arguments,
                      GDBusMethodInvocation* invocation, gpointer self) {
  static_cast<Service*>(self)->called(method, arguments, invocation);
}

void Service::called(const char* method, GVariant* arguments, GDBusMethodInvocation* invocation) {
  const std::string_view name = method;
  if (name == "ListGames") return g_dbus_method_invocation_return_value(invocation, list());
  // There is no configuration of GameMode's here that could have changed.
  if (name == "RefreshConfig") return reply(invocation, 0);
  if (name == "RestartGamemode") return reply(invocation, games_.resend() ? 0 : restart_already_off);
  const std::string verb(
      name.substr(0, name.starts_with("Query") ? std::strlen("Query") : name.find("Game")));
  if (name.ends_with("PIDFd")) return called_by_pidfd(verb.c_str(), arguments, invocation);
  called_by_number(verb.c_str(), arguments, invocation);
}

void Service::called_by_pidfd(const char* verb, GVariant* arguments, GDBusMethodInvocation* invocation) {
  GUnixFDList* const files =
      g_dbus_message_get_unix_fd_list(g_dbus_method_invocation_get_message(invocation));
  int game = -1, requester = -1;
  g_variant_get(arguments, "(hh)", &game, &requester);
  const UniqueFd requester_fd = file_at(files, requester);
  Request request;
  request.verb = verb;
  request.requester = pid_of(requester_fd.get()).value_or(0);
  if (request.requester != 0) request.game = process_of(file_at(files, game));
  request.answerable = request.game.has_value();
  decide(request, invocation);
}

// Numbers mean something in the sender's pid namespace, and two of them come in either order.
void Service::called_by_number(const char* verb, GVariant* arguments, GDBusMethodInvocation* invocation) {
  auto request = std::make_unique<Request>();
  request->verb = verb;
  request->service = this;
  request->invocation = invocation;
  if (g_variant_n_children(arguments) == 2) {
    g_variant_get(arguments, "(ii)", &request->first, &request->second.emplace());
  } else {
    g_variant_get(arguments, "(i)", &request->first);
  }
  g_dbus_connection_call(
      connection_.get(), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
      "GetConnectionUnixProcessID", g_variant_new("(s)", g_dbus_method_invocation_get_sender(invocation)),
      G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, nullptr, on_sender, request.release());
}

void Service::on_sender(GObject* source, GAsyncResult* result, gpointer data) {
  const std::unique_ptr<Request> request(static_cast<Request*>(data));
  const glib::Owned<GVariant> answer(
      g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, nullptr));
  guint32 pid = 0;  // stays so when the sender has left: numbers are then taken as they are
  if (answer) g_variant_get(answer.get(), "(u)", &pid);
  const auto sender = static_cast<pid_t>(pid);
  pid_t game = meant_by(sender, request->first);
  request->requester = game;
  bool documented = true;
  if (const auto second = request->second) {
    request->requester = meant_by(sender, *second);
    // GameMode's daemon documents (caller, game), libgamemode sends (game, caller): the caller is the sender.
    documented = game == sender;
    if (documented) std::swap(game, request->requester);
  }
  request->game = process_of(game);
  // In libgamemode's order GameMode's daemon takes the game for the requester, and looks for it.
  request->answerable = documented || game == request->requester || request->game;
  request->service->decide(*request, request->invocation);
}

void Service::decide(Request& request, GDBusMethodInvocation* invocation) {
  const auto& game = request.game;
  if (request.verb == "Query") {
    if (!request.answerable) return reply(invocation, static_cast<int>(Code::Failed));
    const int status = game && games_.has(game->pid) ? query_registered
                       : games_.count() > 0          ? query_active
                                                     : 0;
    return reply(invocation, status);
  }
  if (!game) return reply(invocation, static_cast<int>(Code::Failed));
  if (request.verb == "Unregister") return reply(invocation, static_cast<int>(games_.remove(game->pid)));
  games_.add(std::move(*request.game), request.requester,
             [invocation](Code code) { reply(invocation, static_cast<int>(code)); });
}

void Service::tell(const char* signal, pid_t pid) {
  g_dbus_connection_emit_signal(connection_.get(), nullptr, path, interface, signal,
                                g_variant_new("(io)", pid, path_of_game(pid).c_str()), nullptr);
  GVariantBuilder changed;
  g_variant_builder_init(&changed, G_VARIANT_TYPE("a{sv}"));
  g_variant_builder_add(&changed, "{sv}", "ClientCount", g_variant_new_int32(games_.count()));
  g_dbus_connection_emit_signal(connection_.get(), nullptr, path, "org.freedesktop.DBus.Properties",
                                "PropertiesChanged",
                                g_variant_new("(sa{sv}as)", interface, &changed, nullptr), nullptr);
}

GVariant* Service::list() const {
  GVariantBuilder games;
  g_variant_builder_init(&games, G_VARIANT_TYPE("a(io)"));
  for (const Game* game : games_.all()) {
    g_variant_builder_add(&games, "(io)", game->process.pid, path_of_game(game->process.pid).c_str());
  }
  return g_variant_new("(a(io))", &games);
}

GVariant* Service::on_get(GDBusConnection* /*connection*/, const char* /*sender*/, const char* /*path*/,
                          const char* /*interface*/, const char* /*property*/, GError** /*error*/,
                          gpointer self) {
  return g_variant_new_int32(static_cast<Service*>(self)->games_.count());  // the only one
}

char** Service::on_enumerate(GDBusConnection* /*connection*/, const char* /*sender*/, const char* /*path*/,
                             gpointer self) {
  const glib::Owned<GStrvBuilder> nodes(g_strv_builder_new());
  for (const Game* game : static_cast<Service*>(self)->games_.all()) {
    g_strv_builder_add(nodes.get(), std::to_string(game->process.pid).c_str());
  }
  return g_strv_builder_end(nodes.get());
}

GDBusInterfaceInfo** Service::on_introspect_game(GDBusConnection* /*connection*/, const char* /*sender*/,
                                                 const char* /*path*/, const char* node, gpointer data) {
  if (node == nullptr) return nullptr;
  auto& self = *static_cast<Service*>(data);
  GDBusInterfaceInfo** const infos = g_new0(GDBusInterfaceInfo*, 2);
  infos[0] = g_dbus_interface_info_ref(g_dbus_node_info_lookup_interface(self.info_.get(), game_interface));
  return infos;
}

const GDBusInterfaceVTable* Service::on_dispatch_game(GDBusConnection* /*connection*/, const char* /*sender*/,
                                                      const char* /*path*/, const char* /*interface*/,
                                                      const char* /*node*/, gpointer* out, gpointer self) {
  // Without a getter, on_call_of_game() is called for properties, and can say that there is no such object.
  static constexpr GDBusInterfaceVTable table{
      .method_call = on_call_of_game, .get_property = nullptr, .set_property = nullptr, .padding = {}};
  *out = self;
  return &table;
}

void Service::on_call_of_game(GDBusConnection* /*connection*/, const char* /*sender*/, const char* object,
                              const char* /*interface*/, const char* method, GVariant* arguments,
                              GDBusMethodInvocation* invocation, gpointer self) {
  const Game* game = nullptr;
  for (const Game* each : static_cast<Service*>(self)->games_.all()) {
    if (path_of_game(each->process.pid) == object) game = each;
  }
  if (game == nullptr) {
    return g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT,
                                                 "There is no game at %s", object);
  }
  if (std::string_view(method) == "Get") {
    const char* name = nullptr;
    g_variant_get(arguments, "(&s&s)", nullptr, &name);
    GVariant* const value = property_of(*game, name);  // GDBus has checked the name
    return g_dbus_method_invocation_return_value(invocation, g_variant_new("(v)", value));
  }
  GVariantBuilder all;
  g_variant_builder_init(&all, G_VARIANT_TYPE("a{sv}"));
  for (const char* name : {"ProcessId", "Executable", "Requester", "Timestamp"}) {
    g_variant_builder_add(&all, "{sv}", name, property_of(*game, name));
  }
  g_dbus_method_invocation_return_value(invocation, g_variant_new("(a{sv})", &all));
}

}  // namespace gamesched::gamemode
