// SPDX-License-Identifier: GPL-2.0-or-later
//
// Opens the live view, `gameschedctl top`, in the terminal that the user's desktop prefers: by its desktop file, whose
// Terminal=true GLib knows to serve (xdg-terminal-exec where it is installed, else the terminals it knows).
#pragma once

#include <string>

namespace gamesched::tray {

// "": it opens; else why not, for people.
std::string open_live_view();

}  // namespace gamesched::tray
