// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/tray/notifier.h"

namespace gamesched::tray {

constexpr const char* service = "org.freedesktop.Notifications";
constexpr const char* object = "/org/freedesktop/Notifications";
// The installed desktop file, by which desktops let users choose whose notifications they see.
constexpr const char* desktop_entry = "org.gamesched.Tray";

Notifier::Notifier(GDBusConnection* connection)
    : connection_(glib::share(connection)), cancelled_(g_cancellable_new()) {}

Notifier::~Notifier() {
  g_cancellable_cancel(cancelled_.get());
}

void Notifier::show(const Notice& notice, const std::string& icon) {
  // The text may hold markup, by the specification; the title not.
  const glib::Text text(g_markup_escape_text(notice.text.c_str(), -1));
  GVariantBuilder hints;
  g_variant_builder_init(&hints, G_VARIANT_TYPE("a{sv}"));
  g_variant_builder_add(&hints, "{sv}", "desktop-entry", g_variant_new_string(desktop_entry));
  constexpr gint32 as_the_desktop_likes = -1;
  g_dbus_connection_call(
      connection_.get(), service, object, service, "Notify",
      g_variant_new("(susss@asa{sv}i)", "gamesched", last_, icon.c_str(), notice.title.c_str(), text.get(),
                    g_variant_new_strv(nullptr, 0), &hints, as_the_desktop_likes),
      G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, cancelled_.get(), on_shown, this);
}

void Notifier::on_shown(GObject* source, GAsyncResult* result, gpointer data) {
  GError* raw = nullptr;
  const glib::Owned<GVariant> reply(g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &raw));
  const glib::Owned<GError> error(raw);
  if (error) return;  // the desktop shows none, or this object is gone
  g_variant_get(reply.get(), "(u)", &static_cast<Notifier*>(data)->last_);
}

}  // namespace gamesched::tray
