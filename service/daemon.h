// SPDX-License-Identifier: GPL-2.0-or-later
//
// The service as a whole: constructs the parts, connects them, runs the loop.
#pragma once

#include <functional>
#include <memory>

#include "service/kernel/backend.h"

namespace gamesched {

using MakeBackend = std::function<std::unique_ptr<kernel::Backend>()>;

// main() of gameschedd: parses the arguments, runs until it is told to stop, returns the exit status.
int daemon_main(int argc, char** argv, const MakeBackend& make_backend);

}  // namespace gamesched
