// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a user can do about a state, in one sentence.
#pragma once

#include <string>

#include "desktop/cli/model.h"

namespace gamesched::cli {

// "" when there is nothing to do.
std::string advice(const Status& status);

}  // namespace gamesched::cli
