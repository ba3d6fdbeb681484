// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/process_events.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "bpf/shared/abi.h"

namespace gamesched::kernel {
namespace {

std::vector<std::string> words_of(const char* text, std::size_t bytes) {
  std::vector<std::string> words;
  while (bytes > 0) {
    const std::size_t length = strnlen(text, bytes);
    words.emplace_back(text, length);
    const std::size_t step = std::min(length + 1, bytes);
    text += step;
    bytes -= step;
  }
  return words;
}

}  // namespace

void tell_process_event(const void* data, std::size_t size, const Backend& listeners) {
  gs_process_event_header header{};
  if (size < sizeof(header)) return;
  std::memcpy(&header, data, sizeof(header));
  if (header.kind == GS_PROCESS_LOST && listeners.on_programs_lost) listeners.on_programs_lost(header.value);
  if (header.kind == GS_PROCESS_FOREGROUND && listeners.on_foreground) listeners.on_foreground(header.value);
  if (header.kind == GS_PROCESS_SOUND && listeners.on_sound) listeners.on_sound(header.value);
  if (header.kind != GS_PROCESS_EXEC || size < sizeof(gs_exec_event) || !listeners.on_program) return;
  gs_exec_event event{};
  std::memcpy(&event, data, sizeof(event));
  listeners.on_program({.pid = static_cast<pid_t>(event.pid),
                        .parent = static_cast<pid_t>(event.parent),
                        .uid = event.uid,
                        .cgroup_id = event.cgroup,
                        .game_id = event.game,
                        .from_launcher = event.header.value != 0,
                        .path = std::string(event.path, strnlen(event.path, sizeof(event.path))),
                        .args = words_of(event.args, std::min<std::size_t>(event.args_bytes, GS_EXEC_ARGS))});
}

}  // namespace gamesched::kernel
