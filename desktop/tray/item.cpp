// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/tray/item.h"

#include <string_view>
#include <utility>

#include "desktop/tray/item_xml.h"

namespace gamesched::tray {
namespace {

constexpr const char* item_interface = "org.kde.StatusNotifierItem";
constexpr const char* item_path = "/StatusNotifierItem";  // where watchers look for it
constexpr const char* watcher_name = "org.kde.StatusNotifierWatcher";
constexpr const char* watcher_path = "/StatusNotifierWatcher";

const char* status_of(const View& view) {
  // Never "Passive": hosts hide that, and then nobody sees whether games are scheduled.
  return view.attention ? "NeedsAttention" : "Active";
}

GVariant* no_pictures() {
  return g_variant_new_array(G_VARIANT_TYPE("(iiay)"), nullptr, 0);
}

GVariant* tooltip(const View& view) {
  // Its text may hold markup, by the specification.
  const glib::Text text(g_markup_escape_text(view.text.c_str(), -1));
  return g_variant_new("(s@a(iiay)ss)", view.icon.c_str(), no_pictures(), view.title.c_str(), text.get());
}

}  // namespace

Item::Item(GDBusConnection* connection, const char* bus_name, const char* menu)
    : connection_(glib::share(connection)),
      info_(g_dbus_node_info_new_for_xml(item_xml, nullptr)),
      bus_name_(bus_name),
      menu_(menu) {
  static const GDBusInterfaceVTable table{nullptr, on_get, nullptr, {}};
  object_ = g_dbus_connection_register_object(connection, item_path, info_->interfaces[0], &table, this,
                                              nullptr, nullptr);
}

Item::~Item() {
  if (watcher_ != 0) g_bus_unwatch_name(watcher_);
  g_dbus_connection_unregister_object(connection_.get(), object_);
}

void Item::announce() {
  watcher_ = g_bus_watch_name_on_connection(connection_.get(), watcher_name, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                            on_watcher, nullptr, this, nullptr);
}

void Item::on_watcher(GDBusConnection* connection, const char* /*name*/, const char* owner, gpointer data) {
  const auto& self = *static_cast<Item*>(data);
  // A watcher that does not take it leaves us without an icon; the next one may.
  g_dbus_connection_call(connection, owner, watcher_path, watcher_name, "RegisterStatusNotifierItem",
                         g_variant_new("(s)", self.bus_name_), nullptr, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1,
                         nullptr, nullptr, nullptr);
}

GVariant* Item::on_get(GDBusConnection* /*connection*/, const char* /*sender*/, const char* /*path*/,
                       const char* /*interface*/, const char* property, GError** error, gpointer data) {
  const auto& self = *static_cast<Item*>(data);
  const View& view = self.view_;
  const std::string_view name = property;
  if (name == "Category") return g_variant_new_string("SystemServices");
  if (name == "Id") return g_variant_new_string("gamesched");
  if (name == "Title" || name == "IconAccessibleDesc" || name == "AttentionAccessibleDesc")
    return g_variant_new_string(view.title.c_str());
  if (name == "Status") return g_variant_new_string(status_of(view));
  if (name == "WindowId") return g_variant_new_int32(0);
  if (name == "IconName") return g_variant_new_string(view.icon.c_str());
  if (name == "AttentionIconName") return g_variant_new_string(view.attention ? view.icon.c_str() : "");
  if (name == "OverlayIconName") return g_variant_new_string("");
  if (name == "IconPixmap") return no_pictures();
  if (name == "ToolTip") return tooltip(view);
  if (name == "ItemIsMenu") return g_variant_new_boolean(TRUE);
  if (name == "Menu") return g_variant_new_object_path(self.menu_);
  g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY, "There is no property %s.", property);
  return nullptr;
}

void Item::show(const View& view) {
  const View before = std::exchange(view_, view);
  if (before.title != view.title) emit("NewTitle");
  if (before.icon != view.icon) emit("NewIcon");
  if (view.attention && (before.icon != view.icon || !before.attention)) emit("NewAttentionIcon");
  if (before.title != view.title || before.text != view.text || before.icon != view.icon) emit("NewToolTip");
  if (before.attention != view.attention) emit("NewStatus", g_variant_new("(s)", status_of(view)));
}

void Item::emit(const char* signal, GVariant* arguments) {
  // Fails only when the session has ended, which is heard of elsewhere.
  g_dbus_connection_emit_signal(connection_.get(), nullptr, item_path, item_interface, signal, arguments,
                                nullptr);
}

}  // namespace gamesched::tray
