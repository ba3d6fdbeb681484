// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/game_objects.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "dbus/game1_introspection.h"
#include "service/util/time.h"

namespace gamesched::bus {
namespace {

constexpr const char* manager_path = "/org/gamesched/Scheduler1";
constexpr const char* games_path = "/org/gamesched/Scheduler1/game";
constexpr std::string_view game_prefix = "/org/gamesched/Scheduler1/game/";
constexpr const char* game_interface = "org.gamesched.Game1";
constexpr const char* properties = "org.freedesktop.DBus.Properties";
constexpr const char* object_manager = "org.freedesktop.DBus.ObjectManager";
constexpr const char* introspectable = "org.freedesktop.DBus.Introspectable";
constexpr const char* properties_introspection =
    R"(<interface name="org.freedesktop.DBus.Properties">
<method name="Get"><arg name="interface" direction="in" type="s"/><arg name="property" direction="in" type="s"/>
<arg name="value" direction="out" type="v"/></method>
<method name="GetAll"><arg name="interface" direction="in" type="s"/>
<arg name="properties" direction="out" type="a{sv}"/></method>
<signal name="PropertiesChanged"><arg name="interface" type="s"/><arg name="changed_properties" type="a{sv}"/>
<arg name="invalidated_properties" type="as"/></signal>
</interface>
)";
// A desktop has some; the oldest of a user that has more are told no longer.
constexpr std::size_t max_listeners_per_user = 32;

struct MessageUnref {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageUnref>;

int append_text(sd_bus_message* message, const std::string& text) {
  return sd_bus_message_append(message, "v", "s", text.c_str());
}
int append_number(sd_bus_message* message, uint32_t number) {
  return sd_bus_message_append(message, "v", "u", number);
}
int append_flag(sd_bus_message* message, bool flag) {
  return sd_bus_message_append(message, "v", "b", static_cast<int>(flag));
}

// The properties of org.gamesched.Game1: how each is written, and whether it differs between two states.
struct Property {
  const char* name;
  int (*append)(sd_bus_message* message, const games::Game& game);
  bool (*same)(const games::Game& a, const games::Game& b);
};

#define TEXT(member)                                                                      \
  [](sd_bus_message* m, const games::Game& game) { return append_text(m, game.member); }, \
      [](const games::Game& a, const games::Game& b) { return a.member == b.member; }
#define NUMBER(member)                                           \
  [](sd_bus_message* m, const games::Game& game) {               \
    return append_number(m, static_cast<uint32_t>(game.member)); \
  },                                                             \
      [](const games::Game& a, const games::Game& b) { return a.member == b.member; }
#define FLAG(expression)                                                                 \
  [](sd_bus_message* m, const games::Game& game) { return append_flag(m, expression); }, \
      [](const games::Game& a, const games::Game& b) {                                   \
        const auto value = [](const games::Game& game) { return expression; };           \
        return value(a) == value(b);                                                     \
      }

constexpr Property table[] = {
    {"Pid", NUMBER(pid)},
    {"Main", NUMBER(main_pid)},
    {"Uid", NUMBER(uid)},
    {"Name", TEXT(name)},
    {"Executable", TEXT(executable)},
    {"AppId", TEXT(options.app_id)},
    {"Profile", TEXT(profile)},
    {"Since",
     [](sd_bus_message* m, const games::Game& game) {
       return sd_bus_message_append(m, "v", "t", game.since_realtime_usec);
     },
     [](const games::Game&, const games::Game&) { return true; }},
    {"Source",
     [](sd_bus_message* m, const games::Game& game) {
       return append_text(m, std::string(to_string(game.source)));
     },
     [](const games::Game& a, const games::Game& b) { return a.source == b.source; }},
    {"TargetFps", NUMBER(target_fps)},
    {"Foreground", FLAG(game.foreground)},
    {"Scheduled", FLAG(!game.parked)},
};
#undef TEXT
#undef NUMBER
#undef FLAG

int append_property(sd_bus_message* message, const Property& property, const games::Game& game) {
  int result = sd_bus_message_open_container(message, 'e', "sv");
  if (result >= 0) result = sd_bus_message_append(message, "s", property.name);
  if (result >= 0) result = property.append(message, game);
  if (result >= 0) result = sd_bus_message_close_container(message);
  return result;
}

// Counted when somebody asks for it, so no part of the signals.
constexpr const char* lanes_property = "Lanes";
using Lanes = std::map<std::string, uint32_t>;

// v
int append_lanes(sd_bus_message* message, const Lanes& lanes) {
  int result = sd_bus_message_open_container(message, 'v', "a{su}");
  if (result >= 0) result = sd_bus_message_open_container(message, 'a', "{su}");
  for (const auto& [lane, threads] : lanes) {
    if (result >= 0) result = sd_bus_message_append(message, "{su}", lane.c_str(), threads);
  }
  if (result >= 0) result = sd_bus_message_close_container(message);
  return result >= 0 ? sd_bus_message_close_container(message) : result;
}

// a{sv}, of all or of those that differ from `before`; with `lanes` where somebody asked.
int append_properties(sd_bus_message* message, const games::Game& game, const games::Game* before = nullptr,
                      const Lanes* lanes = nullptr) {
  int result = sd_bus_message_open_container(message, 'a', "{sv}");
  for (const Property& property : table) {
    if (before != nullptr && property.same(game, *before)) continue;
    if (result >= 0) result = append_property(message, property, game);
  }
  if (lanes != nullptr) {
    if (result >= 0) result = sd_bus_message_open_container(message, 'e', "sv");
    if (result >= 0) result = sd_bus_message_append(message, "s", lanes_property);
    if (result >= 0) result = append_lanes(message, *lanes);
    if (result >= 0) result = sd_bus_message_close_container(message);
  }
  return result >= 0 ? sd_bus_message_close_container(message) : result;
}

// a{sa{sv}}
int append_interfaces(sd_bus_message* message, const games::Game& game, const Lanes* lanes = nullptr) {
  int result = sd_bus_message_open_container(message, 'a', "{sa{sv}}");
  if (result >= 0) result = sd_bus_message_open_container(message, 'e', "sa{sv}");
  if (result >= 0) result = sd_bus_message_append(message, "s", game_interface);
  if (result >= 0) result = append_properties(message, game, nullptr, lanes);
  if (result >= 0) result = sd_bus_message_close_container(message);
  return result >= 0 ? sd_bus_message_close_container(message) : result;
}

int no_such_object(sd_bus_message* call) {
  return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_OBJECT, "There is no such game of yours.");
}

template <typename Fill>
int reply(sd_bus_message* call, Fill fill) {
  sd_bus_message* raw = nullptr;
  const int result = sd_bus_message_new_method_return(call, &raw);
  const Message message(raw);
  if (result < 0) return result;
  const int filled = fill(message.get());
  return filled < 0 ? filled : sd_bus_send(nullptr, message.get(), nullptr);
}

}  // namespace

GameObjects::GameObjects(sd_bus* bus, auth::Authority& authority, const games::Registry& registry,
                         metrics::LaneCounts& lanes)
    : bus_(bus), authority_(authority), registry_(registry), lanes_(lanes) {
  int result = sd_bus_add_filter(bus, &filter_, on_message, this);
  if (result >= 0) result = sd_bus_add_node_enumerator(bus, &enumerator_, manager_path, list_children, this);
  if (result < 0) throw std::system_error(-result, std::generic_category(), "cannot show games on the bus");
}

GameObjects::~GameObjects() {
  sd_bus_slot_unref(filter_);
  sd_bus_slot_unref(enumerator_);
}

// Shows everybody that there may be games below, nobody which.
int GameObjects::list_children(sd_bus*, const char*, void*, char*** nodes, sd_bus_error*) {
  auto* list = static_cast<char**>(calloc(2, sizeof(char*)));
  if (list == nullptr) return -ENOMEM;
  list[0] = strdup(games_path);
  *nodes = list;
  return 0;
}

int GameObjects::on_message(sd_bus_message* message, void* self, sd_bus_error*) {
  return static_cast<GameObjects*>(self)->take(message) ? 1 : 0;
}

bool GameObjects::take(sd_bus_message* message) {
  const char* const path = sd_bus_message_get_path(message);
  if (path == nullptr || sd_bus_message_is_method_call(message, nullptr, nullptr) <= 0) return false;
  const auto is = [&](const char* interface, const char* member, const char* signature) {
    return sd_bus_message_is_method_call(message, interface, member) > 0 &&
           sd_bus_message_has_signature(message, signature) > 0;
  };
  Answer answer = nullptr;
  if (std::strcmp(path, manager_path) == 0) {
    if (is(object_manager, "GetManagedObjects", "")) answer = &GameObjects::get_managed_objects;
  } else if (std::string_view(path).starts_with(game_prefix)) {
    if (is(properties, "Get", "ss")) answer = &GameObjects::get;
    if (is(properties, "GetAll", "s")) answer = &GameObjects::get_all;
  }
  if (std::string_view(path).starts_with(games_path) && is(introspectable, "Introspect", ""))
    answer = &GameObjects::introspect;
  if (answer == nullptr) return false;
  answer_later(message, answer);
  return true;
}

void GameObjects::answer_later(sd_bus_message* message, Answer answer) {
  const char* const sender = sd_bus_message_get_sender(message);
  const std::shared_ptr<sd_bus_message> call(sd_bus_message_ref(message), MessageUnref{});
  authority_.identify(sender != nullptr ? sender : "", [this, call, answer](Result<auth::Caller> caller) {
    // Who cannot be told from others sees nothing: no user has this id.
    constexpr uid_t nobody_at_all = static_cast<uid_t>(-1);
    if (!caller && caller.error().code == Error::Code::LimitsExceeded) {
      sd_bus_reply_method_errorf(call.get(), SD_BUS_ERROR_LIMITS_EXCEEDED, "%s",
                                 caller.error().message.c_str());
      return;
    }
    const int result = (this->*answer)(call.get(), caller ? caller->uid : nobody_at_all);
    if (result < 0) sd_bus_reply_method_errno(call.get(), result, nullptr);
  });
}

const games::Game* GameObjects::visible(const char* path, uid_t asker) const {
  const auto id = games::id_of_path(path);
  const games::Game* const game = id ? registry_.find(*id) : nullptr;
  return game != nullptr && game->is_seen_by(asker) ? game : nullptr;
}

int GameObjects::get_managed_objects(sd_bus_message* call, uid_t asker) {
  const char* const sender = sd_bus_message_get_sender(call);
  if (sender != nullptr) listen(sender, asker);
  return reply(call, [&](sd_bus_message* message) {
    int result = sd_bus_message_open_container(message, 'a', "{oa{sa{sv}}}");
    for (const games::Game* game : registry_.all()) {
      if (!game->is_seen_by(asker)) continue;
      if (result >= 0) result = sd_bus_message_open_container(message, 'e', "oa{sa{sv}}");
      if (result >= 0) result = sd_bus_message_append(message, "o", games::object_path(game->id).c_str());
      if (result >= 0) result = append_interfaces(message, *game, &lanes_.of(game->slot, monotonic_usec()));
      if (result >= 0) result = sd_bus_message_close_container(message);
    }
    return result >= 0 ? sd_bus_message_close_container(message) : result;
  });
}

int GameObjects::get(sd_bus_message* call, uid_t asker) {
  const games::Game* const game = visible(sd_bus_message_get_path(call), asker);
  if (game == nullptr) return no_such_object(call);
  const char *interface = nullptr, *name = nullptr;
  if (const int result = sd_bus_message_read(call, "ss", &interface, &name); result < 0) return result;
  const bool is_ours = std::strcmp(interface, game_interface) == 0;
  for (const Property& property : table) {
    if (is_ours && std::strcmp(name, property.name) == 0)
      return reply(call, [&](sd_bus_message* message) { return property.append(message, *game); });
  }
  if (is_ours && std::strcmp(name, lanes_property) == 0) {
    return reply(call, [&](sd_bus_message* message) {
      return append_lanes(message, lanes_.of(game->slot, monotonic_usec()));
    });
  }
  return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_PROPERTY, "A game has no such property.");
}

int GameObjects::get_all(sd_bus_message* call, uid_t asker) {
  const games::Game* const game = visible(sd_bus_message_get_path(call), asker);
  if (game == nullptr) return no_such_object(call);
  const char* interface = nullptr;
  if (const int result = sd_bus_message_read(call, "s", &interface); result < 0) return result;
  if (std::strcmp(interface, game_interface) != 0 && *interface != '\0')
    return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_INTERFACE, "A game has no such interface.");
  return reply(call, [&](sd_bus_message* message) {
    return append_properties(message, *game, nullptr, &lanes_.of(game->slot, monotonic_usec()));
  });
}

int GameObjects::introspect(sd_bus_message* call, uid_t asker) {
  const char* const path = sd_bus_message_get_path(call);
  std::string text =
      "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
      "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n";
  if (std::strcmp(path, games_path) == 0) {
    for (const games::Game* game : registry_.all()) {
      if (game->is_seen_by(asker)) text += "<node name=\"" + std::to_string(game->id) + "\"/>\n";
    }
  } else if (visible(path, asker) == nullptr) {
    return no_such_object(call);
  } else {
    text += properties_introspection;
    text += game1_introspection;
  }
  text += "</node>\n";
  return sd_bus_reply_method_return(call, "s", text.c_str());
}

void GameObjects::listen(const std::string& name, uid_t uid) {
  if (std::ranges::find(listeners_, name, &Listener::name) != listeners_.end()) return;
  const auto of_user = std::ranges::count(listeners_, uid, &Listener::uid);
  if (static_cast<std::size_t>(of_user) >= max_listeners_per_user) {
    const auto oldest = std::ranges::find(listeners_, uid, &Listener::uid);
    if (on_listener_dropped) on_listener_dropped(oldest->name);
    listeners_.erase(oldest);
  }
  listeners_.push_back({name, uid});
  if (on_listener) on_listener(name);
}

void GameObjects::forget(const std::string& name) {
  const auto found = std::ranges::find(listeners_, name, &Listener::name);
  if (found == listeners_.end()) return;
  listeners_.erase(found);
  if (on_listener_dropped) on_listener_dropped(name);
}

// A signal that cannot be sent is lost with the bus itself, which ends the service.
template <typename Fill>
void GameObjects::tell(const games::Game& game, const char* path, const char* interface, const char* member,
                       Fill fill) {
  for (const Listener& listener : listeners_) {
    if (!game.is_seen_by(listener.uid)) continue;
    sd_bus_message* raw = nullptr;
    int result = sd_bus_message_new_signal(bus_, &raw, path, interface, member);
    const Message message(raw);
    if (result >= 0) result = sd_bus_message_set_destination(message.get(), listener.name.c_str());
    if (result >= 0) result = fill(message.get());
    if (result >= 0) sd_bus_send(bus_, message.get(), nullptr);
  }
}

void GameObjects::added(const games::Game& game) {
  told_[game.id] = game;
  tell(game, manager_path, object_manager, "InterfacesAdded", [&](sd_bus_message* message) {
    const int result = sd_bus_message_append(message, "o", games::object_path(game.id).c_str());
    return result < 0 ? result : append_interfaces(message, game);
  });
}

void GameObjects::changed(const games::Game& game) {
  const auto before = told_.find(game.id);
  if (before == told_.end()) return;
  const bool differs = std::ranges::any_of(
      table, [&](const Property& property) { return !property.same(game, before->second); });
  if (differs) {
    tell(game, games::object_path(game.id).c_str(), properties, "PropertiesChanged",
         [&](sd_bus_message* message) {
           int result = sd_bus_message_append(message, "s", game_interface);
           if (result >= 0) result = append_properties(message, game, &before->second);
           return result < 0 ? result : sd_bus_message_append(message, "as", 0);
         });
  }
  before->second = game;
}

void GameObjects::ended(const games::Game& game) {
  told_.erase(game.id);
  tell(game, manager_path, object_manager, "InterfacesRemoved", [&](sd_bus_message* message) {
    return sd_bus_message_append(message, "oas", games::object_path(game.id).c_str(), 1, game_interface);
  });
}

}  // namespace gamesched::bus
