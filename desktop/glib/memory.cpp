// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/glib/memory.h"

#include <glib-unix.h>

namespace gamesched::glib {
namespace {

gboolean call(gpointer function) {
  (*static_cast<Source::Function*>(function))();
  return G_SOURCE_REMOVE;
}

gboolean call_for_fd(gint /*fd*/, GIOCondition /*condition*/, gpointer function) {
  return call(function);
}

void drop(gpointer function) {
  delete static_cast<Source::Function*>(function);
}

gpointer keep(Source::Function function) {
  return new Source::Function(std::move(function));
}

}  // namespace

Source Source::after_msec(unsigned msec, Function function) {
  return Source(g_timeout_add_full(G_PRIORITY_DEFAULT, msec, call, keep(std::move(function)), drop));
}

Source Source::when_idle(Function function) {
  return Source(g_idle_add_full(G_PRIORITY_DEFAULT_IDLE, call, keep(std::move(function)), drop));
}

Source Source::when_readable(int fd, Function function) {
  return Source(
      g_unix_fd_add_full(G_PRIORITY_DEFAULT, fd, G_IO_IN, call_for_fd, keep(std::move(function)), drop));
}

Source Source::on_signal(int number, Function function) {
  return Source(g_unix_signal_add_full(G_PRIORITY_DEFAULT, number, call, keep(std::move(function)), drop));
}

}  // namespace gamesched::glib
