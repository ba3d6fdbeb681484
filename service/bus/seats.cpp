// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/seats.h"

#include <optional>

namespace gamesched::bus {
namespace {

const sdbus::ServiceName logind{"org.freedesktop.login1"};
constexpr const char* seat_path = "/org/freedesktop/login1/seat/";
constexpr const char* properties = "org.freedesktop.DBus.Properties";
// Machines with more seats than that have no players at each.
constexpr std::size_t max_seats = 64;

}  // namespace

Seats::Seats(sdbus::IConnection& bus)
    : bus_(bus), manager_(sdbus::createProxy(bus, logind, sdbus::ObjectPath{"/org/freedesktop/login1"})) {}

void Seats::listen(bool games_run) {
  if (games_run == listens_) return;
  listens_ = games_run;
  if (!games_run) {
    changes_.reset();
    look_.reset();
    away_.clear();
    return;
  }
  changes_ = bus_.addMatchAsync(
      "type='signal',sender='org.freedesktop.login1',interface='org.freedesktop.DBus.Properties',"
      "member='PropertiesChanged',path_namespace='/org/freedesktop/login1/seat'",
      [this](sdbus::Message) { look(); }, [this](sdbus::Message) { look(); }, sdbus::return_slot);
}

void Seats::look() {
  auto fresh = std::make_shared<Look>();
  look_ = fresh;
  manager_->callMethodAsync("ListSessions")
      .onInterface("org.freedesktop.login1.Manager")
      .uponReplyInvoke([this, fresh](std::optional<sdbus::Error> error, std::vector<Session> sessions) {
        if (look_ != fresh || error) return;
        fresh->sessions = std::move(sessions);
        ask_seats(fresh);
      });
}

void Seats::ask_seats(const std::shared_ptr<Look>& look) {
  std::set<std::string> names;
  for (const Session& session : look->sessions) {
    const std::string& seat = session.get<3>();
    if (!seat.empty() && names.size() < max_seats) names.insert(seat);
  }
  look->waits = names.size();
  if (names.empty()) return seen(look);
  for (const std::string& name : names) {
    // Names of seats are letters, digits, '-' and '_' (sd-login(3)); the latter two are escaped in a path.
    std::string path = seat_path;
    for (const char c : name) {
      if (c == '-') {
        path += "_2d";
      } else if (c == '_') {
        path += "_5f";
      } else {
        path += c;
      }
    }
    auto& proxy = seats_[name];
    if (!proxy) proxy = sdbus::createProxy(bus_, logind, sdbus::ObjectPath{path});
    proxy->callMethodAsync("Get")
        .onInterface(properties)
        .withArguments("org.freedesktop.login1.Seat", "ActiveSession")
        .uponReplyInvoke([this, look, name](std::optional<sdbus::Error> error, sdbus::Variant value) {
          if (look_ != look) return;
          using Active = sdbus::Struct<std::string, sdbus::ObjectPath>;
          if (!error && value.containsValueOfType<Active>())
            look->in_front[name] = value.get<Active>().get<0>();
          if (--look->waits == 0) seen(look);
        });
  }
}

void Seats::seen(const std::shared_ptr<Look>& look) {
  std::set<uid_t> away, in_front;
  for (const Session& session : look->sessions) {
    const std::string& seat = session.get<3>();
    if (seat.empty()) continue;
    const auto active = look->in_front.find(seat);
    // A seat that did not answer says nothing about its users.
    if (active == look->in_front.end() || active->second == session.get<0>()) {
      in_front.insert(session.get<1>());
    } else {
      away.insert(session.get<1>());
    }
  }
  for (const uid_t uid : in_front) away.erase(uid);
  look_.reset();
  if (away == away_) return;
  away_ = std::move(away);
  if (on_changed) on_changed();
}

}  // namespace gamesched::bus
