// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/name_watch.h"

#include <optional>
#include <utility>

#include "service/auth/sender.h"

namespace gamesched::bus {

NameWatch::NameWatch(Loop& loop, sdbus::IConnection& bus, Gone gone)
    : bus_(bus),
      gone_(std::move(gone)),
      driver_(sdbus::createProxy(bus, sdbus::ServiceName{"org.freedesktop.DBus"},
                                 sdbus::ObjectPath{"/org/freedesktop/DBus"})),
      tell_(loop, [this] { tell(); }) {}

NameWatch::~NameWatch() = default;

void NameWatch::watch(const std::string& name) {
  Watched& watched = watched_[name];
  if (watched.times++ > 0) return;
  watched.match = bus_.addMatchAsync(
      "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
      "member='NameOwnerChanged',arg0='" +
          name + "',arg2=''",
      [this, name](sdbus::Message message) {
        if (auth::is_from_bus(message)) left(name);
      },
      [](sdbus::Message) {}, sdbus::return_slot);
  // Asked after the match: a name that is there for this question leaves under the match's eyes. No answer
  // says nothing: a bus that is gone ends the service.
  driver_->callMethodAsync("NameHasOwner")
      .onInterface("org.freedesktop.DBus")
      .withArguments(name)
      .uponReplyInvoke([this, name](std::optional<sdbus::Error> error, bool has_owner) {
        if (!error && !has_owner) left(name);
      });
}

void NameWatch::unwatch(const std::string& name) {
  const auto entry = watched_.find(name);
  if (entry == watched_.end() || --entry->second.times > 0) return;
  unused_.push_back(std::move(entry->second.match));
  watched_.erase(entry);
  tell_.schedule();
}

void NameWatch::left(const std::string& name) {
  if (!watched_.contains(name)) return;
  left_.push_back(name);
  tell_.schedule();
}

void NameWatch::tell() {
  unused_.clear();
  for (const std::string& name : std::exchange(left_, {})) {
    if (watched_.contains(name)) gone_(name);
  }
}

}  // namespace gamesched::bus
