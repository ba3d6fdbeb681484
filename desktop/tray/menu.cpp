// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/tray/menu.h"

#include <string>

#include "desktop/tray/words.h"

namespace gamesched::tray {
namespace {

constexpr const char* kind_key = "gamesched-kind";
constexpr const char* action_key = "gamesched-action";

Entry::Kind kind_of(DbusmenuMenuitem* item) {
  return static_cast<Entry::Kind>(GPOINTER_TO_INT(g_object_get_data(G_OBJECT(item), kind_key)));
}

void delete_action(gpointer action) {
  delete static_cast<Action*>(action);
}

// An underscore would mark the next letter.
std::string escaped(const std::string& label) {
  std::string text;
  for (const char c : label) text += c == '_' ? "__" : std::string(1, c);
  return text;
}

DbusmenuMenuitem* child_at(DbusmenuMenuitem* parent, std::size_t place) {
  return static_cast<DbusmenuMenuitem*>(
      g_list_nth_data(dbusmenu_menuitem_get_children(parent), static_cast<guint>(place)));
}

std::size_t children_of(DbusmenuMenuitem* parent) {
  return g_list_length(dbusmenu_menuitem_get_children(parent));
}

}  // namespace

Menu::Menu(const char* path) : server_(dbusmenu_server_new(path)), root_(dbusmenu_menuitem_new()) {
  // Hosts ask before they open it only where there is something to open.
  dbusmenu_menuitem_property_set(root_.get(), DBUSMENU_MENUITEM_PROP_CHILD_DISPLAY,
                                 DBUSMENU_MENUITEM_CHILD_DISPLAY_SUBMENU);
  dbusmenu_server_set_text_direction(
      server_.get(), right_to_left() ? DBUSMENU_TEXT_DIRECTION_RTL : DBUSMENU_TEXT_DIRECTION_LTR);
  dbusmenu_server_set_root(server_.get(), root_.get());
  g_signal_connect(root_.get(), DBUSMENU_MENUITEM_SIGNAL_ABOUT_TO_SHOW, G_CALLBACK(on_about_to_show), this);
}

Menu::~Menu() {
  on_opening = {};
  on_action = {};
}

void Menu::show(const std::vector<Entry>& entries) {
  if (entries == shown_) return;
  shown_ = entries;
  fill(root_.get(), shown_);
}

DbusmenuMenuitem* Menu::make(Entry::Kind kind) {
  DbusmenuMenuitem* const item = dbusmenu_menuitem_new();
  g_object_set_data(G_OBJECT(item), kind_key, GINT_TO_POINTER(static_cast<int>(kind)));
  if (kind == Entry::Kind::Separator)
    dbusmenu_menuitem_property_set(item, DBUSMENU_MENUITEM_PROP_TYPE, DBUSMENU_CLIENT_TYPES_SEPARATOR);
  if (kind == Entry::Kind::Check || kind == Entry::Kind::Radio)
    dbusmenu_menuitem_property_set(
        item, DBUSMENU_MENUITEM_PROP_TOGGLE_TYPE,
        kind == Entry::Kind::Check ? DBUSMENU_MENUITEM_TOGGLE_CHECK : DBUSMENU_MENUITEM_TOGGLE_RADIO);
  g_signal_connect(item, DBUSMENU_MENUITEM_SIGNAL_ITEM_ACTIVATED, G_CALLBACK(on_clicked), this);
  return item;
}

void Menu::fill(DbusmenuMenuitem* parent, const std::vector<Entry>& entries) {
  while (children_of(parent) > entries.size())
    dbusmenu_menuitem_child_delete(parent, child_at(parent, children_of(parent) - 1));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    DbusmenuMenuitem* item = child_at(parent, i);
    const bool is_new = item == nullptr || kind_of(item) != entry.kind;
    if (is_new) {
      if (item != nullptr) dbusmenu_menuitem_child_delete(parent, item);
      item = make(entry.kind);
    }
    // A property that is as it was makes no signal.
    if (entry.kind != Entry::Kind::Separator)
      dbusmenu_menuitem_property_set(item, DBUSMENU_MENUITEM_PROP_LABEL, escaped(entry.label).c_str());
    if (entry.kind == Entry::Kind::Check || entry.kind == Entry::Kind::Radio)
      dbusmenu_menuitem_property_set_int(item, DBUSMENU_MENUITEM_PROP_TOGGLE_STATE, entry.checked ? 1 : 0);
    dbusmenu_menuitem_property_set_bool(item, DBUSMENU_MENUITEM_PROP_ENABLED, entry.sensitive);
    g_object_set_data_full(G_OBJECT(item), action_key, new Action(entry.action), delete_action);
    fill(item, entry.children);
    if (is_new) {
      dbusmenu_menuitem_child_add_position(parent, item, static_cast<guint>(i));
      g_object_unref(item);  // its parent holds it
    }
  }
}

void Menu::on_clicked(DbusmenuMenuitem* item, guint /*timestamp*/, gpointer data) {
  const auto& self = *static_cast<Menu*>(data);
  // A host may send what its menu no longer offers.
  if (dbusmenu_menuitem_property_get_bool(item, DBUSMENU_MENUITEM_PROP_ENABLED) == FALSE) return;
  const auto* action = static_cast<Action*>(g_object_get_data(G_OBJECT(item), action_key));
  if (action == nullptr || action->verb == Verb::None || !self.on_action) return;
  const Action copy = *action;  // it may change the menu
  self.on_action(copy);
}

gboolean Menu::on_about_to_show(DbusmenuMenuitem* /*root*/, gpointer data) {
  const auto& self = *static_cast<Menu*>(data);
  if (self.on_opening) self.on_opening();
  return FALSE;  // what changed is told by signals
}

}  // namespace gamesched::tray
