// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/live_source.h"

#include <systemd/sd-bus.h>

#include <cstring>
#include <ctime>
#include <format>
#include <optional>
#include <utility>

#include "desktop/cli/wire.h"
#include "service/util/time.h"

namespace gamesched::cli::live {
namespace {

using namespace std::chrono_literals;

constexpr const char* dbus_name = "org.freedesktop.DBus";
constexpr const char* properties_interface = "org.freedesktop.DBus.Properties";
constexpr const char* manager_interface = "org.freedesktop.DBus.ObjectManager";
constexpr auto answer_timeout = 5s;  // as gameschedctl's other commands

}  // namespace

Source::Source(std::filesystem::path sched_ext) : sched_ext_(std::move(sched_ext)) {
  connect();
}

bool Source::wants_look() const {
  if (!connection_) return true;
  if (owner_.empty()) return false;
  return !live_.status.service || !live_.status.kernel.scheduler.empty();
}

void Source::look() {
  if (!connection_) return connect();
  live_.now_usec = realtime_usec();
  if (owner_.empty()) return;
  if (!live_.status.service) return ask_all();
  ask_games();
  ask_counters();
}

Source::Wait Source::wait() const {
  if (!connection_) return {};
  const auto data = connection_->getEventLoopPollData();
  return {data.fd, data.eventFd, data.events, data.getPollTimeout()};
}

void Source::process() {
  try {
    while (connection_ && connection_->processPendingEvent()) {
    }
  } catch (const sdbus::Error& error) {
    lost(std::format("The connection to the system bus is lost ({}).", wire::clean(error.getMessage())));
  }
}

void Source::connect() {
  live_.status.kernel = read_kernel(sched_ext_);
  sd_bus* raw = nullptr;
  if (const int r = sd_bus_open_system_with_description(&raw, "gameschedctl-top"); r < 0) {
    sd_bus_unref(raw);
    return lost(std::format("There is no connection to the system bus ({}).", std::strerror(-r)));
  }
  try {
    connection_ = sdbus::createBusConnection(raw);
    names_ = connection_->addMatch(
        std::format("type='signal',sender='{}',member='NameOwnerChanged',arg0='{}'", dbus_name,
                    wire::bus_name),
        [this](sdbus::Message message) {
          std::string name, before, now;
          message >> name >> before >> now;
          owner_is(now);
        },
        sdbus::return_slot);
    bus_ = sdbus::createProxy(*connection_, sdbus::ServiceName{dbus_name},
                              sdbus::ObjectPath{"/org/freedesktop/DBus"});
    bus_->callMethodAsync("GetNameOwner")
        .onInterface(dbus_name)
        .withTimeout(answer_timeout)
        .withArguments(std::string(wire::bus_name))
        .uponReplyInvoke([this](std::optional<sdbus::Error> error, const std::string& name) {
          if (!error) owner_is(name);
        });
    live_.problem.clear();
  } catch (const sdbus::Error& error) {
    lost(std::format("There is no connection to the system bus ({}).", wire::clean(error.getMessage())));
  }
}

void Source::lost(const std::string& problem) {
  owner_is("");
  names_ = {};
  bus_.reset();
  connection_.reset();
  live_.problem = problem;
}

void Source::owner_is(const std::string& name) {
  if (name == owner_) return;
  owner_ = name;
  signals_ = {};
  service_.reset();  // what it was asked is not answered any more
  state_asked_ = games_asked_ = counters_asked_ = state_changed_ = games_changed_ = false;
  live_.status.service.reset();
  live_.status.games.clear();
  live_.status.kernel = read_kernel(sched_ext_);
  live_.before = live_.now = {};
  live_.problem.clear();
  if (owner_.empty()) return;
  // Whatever it says: its own properties, or one of the games.
  signals_ = connection_->addMatch(
      std::format("type='signal',sender='{}'", owner_), [this](sdbus::Message) { ask_all(); },
      sdbus::return_slot);
  service_ = sdbus::createProxy(*connection_, sdbus::ServiceName{owner_}, wire::root_object);
  ask_all();
}

void Source::ask_all() {
  ask_state();
  ask_games();
}

void Source::failed(const sdbus::Error& error) {
  live_.status.service.reset();
  live_.status.games.clear();
  live_.problem = problem_of(error).text;
  live_.problem += live_.problem.ends_with('.') ? "" : ".";
}

// What to do with an answer: an error, or values of a type that an older or later service may not send.
template <typename Take>
auto Source::answer(Take take) {
  return [this, take](std::optional<sdbus::Error> error, auto values) {
    try {
      if (error) return failed(*error);
      take(std::move(values));
    } catch (const sdbus::Error& wrong) {
      failed(wrong);
    }
  };
}

void Source::ask_state() {
  if (std::exchange(state_asked_, true)) {
    state_changed_ = true;
    return;
  }
  service_->callMethodAsync("GetAll")
      .onInterface(properties_interface)
      .withTimeout(answer_timeout)
      .withArguments(std::string(wire::bus_name))
      .uponReplyInvoke([this](std::optional<sdbus::Error> error, const wire::Properties& properties) {
        state_asked_ = false;
        answer([this](const wire::Properties& all) {
          live_.status.service = wire::service_of(all);
          live_.status.kernel = {read_kernel(sched_ext_).state, wire::text_property(all, "KernelScheduler")};
          live_.now_usec = realtime_usec();
          live_.problem.clear();
          if (live_.now.at_usec == 0) ask_counters();
        })(std::move(error), properties);
        if (std::exchange(state_changed_, false)) ask_state();
      });
}

void Source::ask_games() {
  if (std::exchange(games_asked_, true)) {
    games_changed_ = true;
    return;
  }
  service_->callMethodAsync("GetManagedObjects")
      .onInterface(manager_interface)
      .withTimeout(answer_timeout)
      .uponReplyInvoke([this](std::optional<sdbus::Error> error, const wire::Objects& objects) {
        games_asked_ = false;
        answer([this](const wire::Objects& all) {
          live_.status.games = wire::games_of(all);
          live_.now_usec = realtime_usec();
        })(std::move(error), objects);
        if (std::exchange(games_changed_, false)) ask_games();
      });
}

void Source::ask_counters() {
  if (std::exchange(counters_asked_, true)) return;
  service_->callMethodAsync("GetCounters")
      .onInterface(wire::bus_name)
      .withTimeout(answer_timeout)
      .uponReplyInvoke([this](std::optional<sdbus::Error> error, const Counters& counters) {
        counters_asked_ = false;
        answer([this](const Counters& all) {
          Counters clean;
          for (const auto& [name, value] : all) clean[wire::clean(name)] = value;
          live_.before = std::exchange(live_.now, {monotonic_usec(), std::move(clean)});
        })(std::move(error), counters);
      });
}

}  // namespace gamesched::cli::live
