// SPDX-License-Identifier: GPL-2.0-or-later
//
// Owners for what GLib counts and allocates, and for the sources of its main loop.
#pragma once

#include <gio/gio.h>

#include <functional>
#include <memory>
#include <utility>

namespace gamesched::glib {

struct Free {
  void operator()(void* memory) const { g_free(memory); }
};
struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
  void operator()(GVariant* variant) const { g_variant_unref(variant); }
  void operator()(GError* error) const { g_error_free(error); }
  void operator()(GMainLoop* loop) const { g_main_loop_unref(loop); }
  void operator()(GDBusNodeInfo* info) const { g_dbus_node_info_unref(info); }
  void operator()(GStrvBuilder* builder) const { g_strv_builder_unref(builder); }
  void operator()(GVariantIter* iter) const { g_variant_iter_free(iter); }
};

template <typename T>
using Owned = std::unique_ptr<T, Unref>;
using Text = std::unique_ptr<char, Free>;

template <typename T>
Owned<T> share(T* object) {
  return Owned<T>(static_cast<T*>(g_object_ref(object)));
}

// A source of the default main context; gone with its owner. Moves, since the function lives on the heap.
class Source {
 public:
  using Function = std::function<void()>;

  Source() = default;
  Source(Source&& other) noexcept : id_(std::exchange(other.id_, 0)) {}
  Source& operator=(Source&& other) noexcept {
    if (this != &other) {
      cancel();
      id_ = std::exchange(other.id_, 0);
    }
    return *this;
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() { cancel(); }

  // Each calls `function` once, unless the owner cancels it or goes first. `function` may end its owner.
  static Source after_msec(unsigned msec, Function function);
  static Source when_idle(Function function);
  static Source when_readable(int fd, Function function);
  static Source on_signal(int number, Function function);

  bool pending() const { return id_ != 0 && g_main_context_find_source_by_id(nullptr, id_) != nullptr; }
  void cancel() {
    if (pending()) g_source_remove(id_);
    id_ = 0;
  }

 private:
  explicit Source(guint id) : id_(id) {}
  guint id_ = 0;
};

}  // namespace gamesched::glib
