// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/tray/live_view.h"

#include <gio/gdesktopappinfo.h>

#include "desktop/glib/memory.h"
#include "desktop/tray/words.h"

namespace gamesched::tray {

constexpr const char* desktop_file = "org.gamesched.Top.desktop";
constexpr const char* command = "gameschedctl top";

std::string open_live_view() {
  std::string reason = tr("Its desktop file is not installed.");
  if (const glib::Owned<GDesktopAppInfo> view(g_desktop_app_info_new(desktop_file)); view) {
    GError* raw = nullptr;
    if (g_app_info_launch(G_APP_INFO(view.get()), nullptr, nullptr, &raw) != FALSE) return "";
    const glib::Owned<GError> error(raw);
    reason = raw->message;
    if (!reason.ends_with('.')) reason += '.';
  }
  // Translators: why, and a command.
  return filled(tr("%s In a terminal, it is: %s"), reason.c_str(), command);
}

}  // namespace gamesched::tray
