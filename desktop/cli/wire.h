// SPDX-License-Identifier: GPL-2.0-or-later
//
// From what gameschedd says on the bus to gameschedctl's plain data (model.h).
//
// Absent properties keep their default: an older service has fewer. One of another type throws sdbus::Error. Texts of
// the service are clean by contract; the terminal relies on it, so it is enforced here.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <string>
#include <vector>

#include "desktop/cli/model.h"

namespace gamesched::cli::wire {

inline constexpr const char* bus_name = "org.gamesched.Scheduler1";
inline const sdbus::ObjectPath root_object{"/org/gamesched/Scheduler1"};
inline constexpr const char* game_interface = "org.gamesched.Game1";

using Properties = std::map<sdbus::PropertyName, sdbus::Variant>;
using Interfaces = std::map<sdbus::InterfaceName, Properties>;
using Objects = std::map<sdbus::ObjectPath, Interfaces>;

std::string clean(const std::string& text);

template <typename T>
T property(const Properties& properties, const char* name) {
  const auto it = properties.find(sdbus::PropertyName{name});
  return it == properties.end() ? T{} : it->second.get<T>();
}

std::string text_property(const Properties& properties, const char* name);

Service service_of(const Properties& properties);
std::vector<Game> games_of(const Objects& objects);  // oldest first

}  // namespace gamesched::cli::wire
