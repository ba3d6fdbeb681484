// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/tray/scheduler.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <tuple>

#include "desktop/tray/words.h"
#include "service/util/lanes.h"
#include "service/util/text.h"

namespace gamesched::tray {
namespace {

constexpr const char* service = "org.gamesched.Scheduler1";
constexpr const char* object = "/org/gamesched/Scheduler1";
constexpr const char* game_interface = "org.gamesched.Game1";
constexpr const char* properties_interface = "org.freedesktop.DBus.Properties";
constexpr const char* manager_interface = "org.freedesktop.DBus.ObjectManager";

// It answers from memory at once; this is beyond any load.
constexpr int answer_timeout_msec = 5'000;
// The user may be typing a password; polkit gives up after two minutes itself.
constexpr int authorization_timeout_msec = 120'000;
// As the service bounds its sentences.
constexpr std::size_t max_text_bytes = 4096;
// What a menu can hold, from whoever owns the name.
constexpr gsize max_profiles = 32;
constexpr std::size_t max_games = 256;

std::string text_of(GVariant* value) {
  return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
             ? cleaned(g_variant_get_string(value, nullptr), max_text_bytes)
             : std::string();
}

std::vector<Profile> profiles_of(GVariant* value) {
  std::vector<Profile> profiles;
  if (!g_variant_is_of_type(value, G_VARIANT_TYPE("a(ss)"))) return profiles;
  for (gsize i = 0; i < std::min(g_variant_n_children(value), max_profiles); ++i) {
    const char* name = nullptr;
    const char* description = nullptr;
    g_variant_get_child(value, i, "(&s&s)", &name, &description);
    profiles.push_back({cleaned(name, max_text_bytes), cleaned(description, max_text_bytes)});
  }
  return profiles;
}

// Threads in lanes that get a CPU at once.
uint32_t boosted_of(GVariant* lanes) {
  uint32_t threads = 0;
  for (std::size_t i = 0; i < urgent_lanes; i++) {
    guint32 in_lane = 0;
    if (g_variant_lookup(lanes, lane_names[i], "u", &in_lane) != FALSE) threads += in_lane;
  }
  return threads;
}

// For people: the service's own sentence where it said one.
std::string problem_of(const GError* error) {
  glib::Owned<GError> stripped(g_error_copy(error));
  g_dbus_error_strip_remote_error(stripped.get());
  return cleaned(stripped->message, max_text_bytes);
}

}  // namespace

// Answers of a gameschedd that has gone in the meantime say nothing about the one that is there.
struct Scheduler::Question {
  Scheduler& self;
  std::string owner;
  Done done;
};

// What came of a question: a reply, or an error.
struct Scheduler::Answer {
  std::unique_ptr<Question> question;
  glib::Owned<GVariant> reply;
  glib::Owned<GError> error;

  Answer(GObject* connection, GAsyncResult* result, gpointer asked)
      : question(static_cast<Question*>(asked)) {
    GError* raw = nullptr;
    reply.reset(g_dbus_connection_call_finish(G_DBUS_CONNECTION(connection), result, &raw));
    error.reset(raw);
  }
  bool cancelled() const {  // the scheduler that asked is gone
    return error && g_error_matches(error.get(), G_IO_ERROR, G_IO_ERROR_CANCELLED);
  }
};

Scheduler::Scheduler() : cancelled_(g_cancellable_new()), service_(service) {
  service_.on_owner = [this] {
    forget();
    facts_.running = true;
    subscribe();
    ask_state();
    ask_games();
  };
  service_.on_vanished = [this] {
    forget();
    changed();
  };
  service_.on_no_bus = [this](const std::string&) { changed(); };
}

Scheduler::~Scheduler() {
  g_cancellable_cancel(cancelled_.get());
  on_change = {};
  forget();
}

void Scheduler::look() {
  if (service_.connection() == nullptr) return service_.connect();
  if (facts_.running && facts_.state.empty() && !state_asked_) {
    ask_state();
    ask_games();
  }
}

void Scheduler::count_threads() {
  if (facts_.running && !facts_.state.empty() && !facts_.games.empty() && !games_asked_) ask_games();
}

void Scheduler::changed() {
  if (on_change) on_change();
}

void Scheduler::forget() {
  if (subscription_ != 0 && service_.connection() != nullptr)
    g_dbus_connection_signal_unsubscribe(service_.connection(), subscription_);
  subscription_ = 0;
  state_asked_ = games_asked_ = false;
  Facts nothing;
  nothing.asking = facts_.asking;  // the click waits on, whoever answers
  facts_ = std::move(nothing);
}

void Scheduler::subscribe() {
  // All it says: its own properties and signal, its games' coming, changing and going.
  subscription_ = g_dbus_connection_signal_subscribe(service_.connection(), service_.owner().c_str(), nullptr,
                                                     nullptr, nullptr, nullptr, G_DBUS_SIGNAL_FLAGS_NONE,
                                                     on_signal, this, nullptr);
}

Scheduler::Question* Scheduler::question(Done done) {
  return new Question{*this, service_.owner(), std::move(done)};
}

void Scheduler::ask_state() {
  state_asked_ = true;
  g_dbus_connection_call(service_.connection(), service_.owner().c_str(), object, properties_interface,
                         "GetAll", g_variant_new("(s)", service), G_VARIANT_TYPE("(a{sv})"),
                         G_DBUS_CALL_FLAGS_NO_AUTO_START, answer_timeout_msec, cancelled_.get(), on_state,
                         question());
}

void Scheduler::ask_games() {
  games_asked_ = true;
  g_dbus_connection_call(service_.connection(), service_.owner().c_str(), object, manager_interface,
                         "GetManagedObjects", nullptr, G_VARIANT_TYPE("(a{oa{sa{sv}}})"),
                         G_DBUS_CALL_FLAGS_NO_AUTO_START, answer_timeout_msec, cancelled_.get(), on_games,
                         question());
}

void Scheduler::on_state(GObject* source, GAsyncResult* result, gpointer data) {
  const Answer answer(source, result, data);
  if (answer.cancelled()) return;
  Scheduler& self = answer.question->self;
  if (answer.question->owner != self.service_.owner()) return;
  self.state_asked_ = false;
  if (answer.error) {
    self.facts_.problem = problem_of(answer.error.get());
    return self.changed();
  }
  const glib::Owned<GVariant> properties(g_variant_get_child_value(answer.reply.get(), 0));
  self.take_properties(properties.get());
  self.changed();
}

void Scheduler::on_games(GObject* source, GAsyncResult* result, gpointer data) {
  const Answer answer(source, result, data);
  if (answer.cancelled()) return;
  Scheduler& self = answer.question->self;
  if (answer.question->owner != self.service_.owner()) return;
  self.games_asked_ = false;
  if (answer.error) return;  // there are none to show; the state's question has its own words for it
  GVariantIter* raw_objects = nullptr;
  g_variant_get(answer.reply.get(), "(a{oa{sa{sv}}})", &raw_objects);
  const glib::Owned<GVariantIter> objects(raw_objects);
  const char* path = nullptr;
  GVariant* raw_interfaces = nullptr;
  while (g_variant_iter_next(objects.get(), "{&o@a{sa{sv}}}", &path, &raw_interfaces)) {
    const glib::Owned<GVariant> interfaces(raw_interfaces);
    const glib::Owned<GVariant> game(
        g_variant_lookup_value(interfaces.get(), game_interface, G_VARIANT_TYPE_VARDICT));
    if (game) self.take_game(path, game.get());
  }
  self.changed();
}

void Scheduler::on_signal(GDBusConnection* /*connection*/, const char* /*sender*/, const char* path,
                          const char* interface, const char* signal, GVariant* arguments, gpointer data) {
  auto& self = *static_cast<Scheduler*>(data);
  const std::string_view from = interface;
  const std::string_view name = signal;
  const bool is_service = std::string_view(path) == object;
  if (from == properties_interface && name == "PropertiesChanged" &&
      g_variant_is_of_type(arguments, G_VARIANT_TYPE("(sa{sv}as)"))) {
    const char* of = nullptr;
    g_variant_get_child(arguments, 0, "&s", &of);
    const glib::Owned<GVariant> values(g_variant_get_child_value(arguments, 1));
    const glib::Owned<GVariant> invalidated(g_variant_get_child_value(arguments, 2));
    if (is_service && std::string_view(of) == service) {
      self.take_properties(values.get());
      if (g_variant_n_children(invalidated.get()) > 0 && !self.state_asked_) self.ask_state();
    } else if (std::string_view(of) == game_interface) {
      // Of games that are known: one's first properties come with it.
      if (std::ranges::find(self.facts_.games, path, &Game::path) == self.facts_.games.end()) return;
      self.take_game(path, values.get());
    } else {
      return;
    }
  } else if (from == manager_interface && name == "InterfacesAdded" &&
             g_variant_is_of_type(arguments, G_VARIANT_TYPE("(oa{sa{sv}})"))) {
    const char* game = nullptr;
    g_variant_get_child(arguments, 0, "&o", &game);
    const glib::Owned<GVariant> interfaces(g_variant_get_child_value(arguments, 1));
    const glib::Owned<GVariant> properties(
        g_variant_lookup_value(interfaces.get(), game_interface, G_VARIANT_TYPE_VARDICT));
    if (!properties) return;
    self.take_game(game, properties.get());
  } else if (from == manager_interface && name == "InterfacesRemoved" &&
             g_variant_is_of_type(arguments, G_VARIANT_TYPE("(oas)"))) {
    const char* game = nullptr;
    g_variant_get_child(arguments, 0, "&o", &game);
    self.drop_game(game);
  } else if (from == service && name == "Ejected" &&
             g_variant_is_of_type(arguments, G_VARIANT_TYPE("(ssu)"))) {
    const char* reason = nullptr;
    const char* detail = nullptr;
    guint32 retry_in_s = 0;
    g_variant_get(arguments, "(&s&su)", &reason, &detail, &retry_in_s);
    if (self.on_ejected)
      self.on_ejected({cleaned(reason, max_text_bytes), cleaned(detail, max_text_bytes), retry_in_s});
    return;
  } else {
    return;
  }
  self.changed();
}

void Scheduler::take_properties(GVariant* properties) {
  GVariantIter iter;
  g_variant_iter_init(&iter, properties);
  const char* key = nullptr;
  GVariant* raw = nullptr;
  while (g_variant_iter_next(&iter, "{&sv}", &key, &raw)) {
    const glib::Owned<GVariant> value(raw);
    const std::string_view name = key;
    if (name == "State") facts_.state = text_of(raw);
    if (name == "StateReason") facts_.reason = text_of(raw);
    if (name == "Profile") facts_.profile = text_of(raw);
    if (name == "ActiveProfile") facts_.active_profile = text_of(raw);
    if (name == "Profiles") facts_.profiles = profiles_of(raw);
    if (name == "Enabled" && g_variant_is_of_type(raw, G_VARIANT_TYPE_BOOLEAN))
      facts_.enabled = g_variant_get_boolean(raw) != FALSE;
  }
}

void Scheduler::take_game(const char* path, GVariant* properties) {
  auto& games = facts_.games;
  auto game = std::ranges::find(games, path, &Game::path);
  if (game == games.end()) {
    if (games.size() == max_games) return;
    game = games.insert(games.end(), {.path = path, .name = {}});
  }
  const glib::Owned<GVariant> name(g_variant_lookup_value(properties, "Name", G_VARIANT_TYPE_STRING));
  if (name) game->name = text_of(name.get());
  guint64 since_usec = 0;
  if (g_variant_lookup(properties, "Since", "t", &since_usec) != FALSE) game->since_usec = since_usec;
  const glib::Owned<GVariant> lanes(g_variant_lookup_value(properties, "Lanes", G_VARIANT_TYPE("a{su}")));
  if (lanes) game->boosted = boosted_of(lanes.get());
  std::ranges::sort(games, {}, [](const Game& each) { return std::tie(each.since_usec, each.path); });
}

void Scheduler::drop_game(const std::string& path) {
  std::erase_if(facts_.games, [&](const Game& game) { return game.path == path; });
}

void Scheduler::set_enabled(bool enabled, Done done) {
  request(service, object, service, "SetEnabled", g_variant_new("(b)", enabled), std::move(done));
}

void Scheduler::set_profile(const std::string& profile, Done done) {
  request(service, object, service, "SetProfile", g_variant_new("(s)", profile.c_str()), std::move(done));
}

void Scheduler::start(Done done) {
  request("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "StartServiceByName",
          g_variant_new("(su)", service, 0U), std::move(done));
}

void Scheduler::request(const char* name, const char* path, const char* interface, const char* method,
                        GVariant* arguments, Done done) {
  const glib::Owned<GVariant> sunk(g_variant_ref_sink(arguments));
  if (facts_.asking) return;
  if (service_.connection() == nullptr) {
    service_.connect();
    return done(tr("There is no connection to the system bus."));
  }
  facts_.asking = true;
  changed();
  g_dbus_connection_call(service_.connection(), name, path, interface, method, arguments, nullptr,
                         G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, authorization_timeout_msec,
                         cancelled_.get(), on_granted, question(std::move(done)));
}

void Scheduler::on_granted(GObject* source, GAsyncResult* result, gpointer data) {
  const Answer answer(source, result, data);
  if (answer.cancelled()) return;
  Scheduler& self = answer.question->self;
  self.facts_.asking = false;
  answer.question->done(answer.error ? problem_of(answer.error.get()) : std::string());
  self.changed();
}

}  // namespace gamesched::tray
