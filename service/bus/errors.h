// SPDX-License-Identifier: GPL-2.0-or-later
//
// Errors on the bus: org.gamesched.Error.* with their sentence.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include "service/util/result.h"

namespace gamesched::bus {

sdbus::Error to_bus(const Error& error);

}  // namespace gamesched::bus
