// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/process_tracker.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "service/util/fd.h"
#include "service/util/file.h"
#include "service/util/procfs.h"

namespace gamesched::kernel {
namespace {

// Of at most `threads_left` threads; adds their number to `threads`.
std::vector<pid_t> children_of(pid_t parent, std::size_t threads_left, std::size_t& threads) {
  constexpr std::size_t list_max_bytes = 64 * 1024;  // more than processes_max pids
  std::vector<pid_t> children;
  std::error_code ignored;
  const auto tasks = std::filesystem::path("/proc") / std::to_string(parent) / "task";
  for (const auto& thread : std::filesystem::directory_iterator(tasks, ignored)) {
    if (threads_left-- == 0) break;
    threads++;
    const auto text = read_file(thread.path() / "children", list_max_bytes);
    if (!text) continue;
    const char* at = text->data();
    const char* const end = at + text->size();
    pid_t child = 0;
    for (auto parsed = std::from_chars(at, end, child); parsed.ec == std::errc();
         parsed = std::from_chars(at, end, child)) {
      at = parsed.ptr + (parsed.ptr < end ? 1 : 0);
      children.push_back(child);
    }
  }
  return children;
}

template <typename Value>
bool read_entry(int map, uint32_t key, Value& value) {
  return map >= 0 && bpf_map_lookup_elem(map, &key, &value) == 0;
}

// Makes a map hold exactly `wanted`.
template <typename Key, typename Wanted>
void replace_entries(int map, const Wanted& wanted) {
  Key key{};
  std::vector<Key> stale;
  for (int error = bpf_map_get_next_key(map, nullptr, &key); error == 0;
       error = bpf_map_get_next_key(map, &key, &key)) {
    const bool kept = std::ranges::any_of(
        wanted, [&](const auto& entry) { return std::memcmp(&entry.first, &key, sizeof(key)) == 0; });
    if (!kept) stale.push_back(key);
  }
  for (const Key& each : stale) bpf_map_delete_elem(map, &each);
  // A map that is full leaves the last ones out: those programs are not told of.
  for (const auto& [each, flags] : wanted) bpf_map_update_elem(map, &each, &flags, BPF_ANY);
}

struct ExecName {
  char text[GS_EXEC_NAME];
};

constexpr std::size_t states_bytes = (GS_MAX_GAMES + 1) * sizeof(gs_game_state);

}  // namespace

ProcessTracker::~ProcessTracker() {
  if (states_ != nullptr) ::munmap(states_, states_bytes);
}

Result<void> ProcessTracker::add_game(uint32_t game_id, pid_t tgid) {
  if (game_id == 0 || game_id > GS_MAX_GAMES)
    return fail(Error::Code::InvalidArgument, "game id out of range");
  const auto status = procfs::read_status(tgid);
  if (!status) return std::unexpected(status.error());
  const gs_game_process entry{game_id, status->euid};
  if (gs_game_state* const state = state_of(game_id)) *state = {};
  const uint32_t none = 0;
  bpf_map_update_elem(object_.map_fd("user_processes"), &entry.uid, &none, BPF_NOEXIST);
  users_[game_id] = entry.uid;
  // The process first: what it forks from here on is entered by the fork hook, what it forked before by the
  // walk.
  if (auto entered = enter_process(tgid, entry); !entered) return entered;
  if (auto entered = enter_descendants(tgid, entry); !entered) {
    remove_game(game_id);
    return entered;
  }
  return {};
}

void ProcessTracker::remove_game(uint32_t game_id) {
  leave_game(game_id);
  const auto game = users_.extract(game_id);
  if (game.empty()) return;
  const uint32_t uid = game.mapped();
  const bool has_others = std::ranges::any_of(users_, [&](const auto& other) { return other.second == uid; });
  if (!has_others) bpf_map_delete_elem(object_.map_fd("user_processes"), &uid);
}

// In place, since the hooks write to the same entry meanwhile. nullptr: there is none.
gs_game_state* ProcessTracker::state_of(uint32_t game_id) {
  if (game_id > GS_MAX_GAMES) return nullptr;
  if (states_ == nullptr) {
    void* const memory =
        ::mmap(nullptr, states_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, object_.map_fd("game_states"), 0);
    if (memory == MAP_FAILED) return nullptr;
    states_ = static_cast<gs_game_state*>(memory);
  }
  return states_ + game_id;
}

// The kernel adds to the user's number meanwhile: a lost race makes it one too large or too small, until the
// user's last game ends.
void ProcessTracker::count_processes(uint32_t game_id, uint32_t uid, int change) {
  if (gs_game_state* const state = state_of(game_id))
    std::atomic_ref(state->processes).fetch_add(static_cast<unsigned>(change));
  uint32_t of_user = 0;
  const int users = object_.map_fd("user_processes");
  if (!read_entry(users, uid, of_user)) return;
  of_user = static_cast<uint32_t>(std::max(0, static_cast<int>(of_user) + change));
  bpf_map_update_elem(users, &uid, &of_user, BPF_EXIST);
}

Result<void> ProcessTracker::enter_process(pid_t tgid, const gs_game_process& entry) {
  const auto key = static_cast<uint32_t>(tgid);
  const int map = object_.map_fd("game_processes");
  if (bpf_map_update_elem(map, &key, &entry, BPF_NOEXIST) == 0) {
    count_processes(entry.game, entry.uid, +1);
    return {};
  }
  const int error = errno;
  // The fork hook was faster, or it belongs to a game that this one was started in.
  if (error == EEXIST) return {};
  if (error == E2BIG)
    return fail(Error::Code::LimitsExceeded,
                "all games together already have " + std::to_string(GS_MAX_PROCESSES) + " processes");
  return fail_errno("cannot enter process " + std::to_string(tgid), error);
}

// A member may fork between being listed and being removed: until a pass finds none, and not for ever.
void ProcessTracker::leave_game(uint32_t game_id) {
  constexpr int passes_max = 32;
  for (int pass = 0; pass < passes_max; pass++) {
    // Nearly always all have ended, and a walk over the map costs more than all else that the end of a game
    // does.
    gs_game_state* const state = state_of(game_id);
    if (state != nullptr && std::atomic_ref(state->processes).load() == 0) return;
    const std::vector<uint32_t> members = members_of(game_id);
    if (members.empty()) return;
    for (const uint32_t member : members) leave_process(static_cast<pid_t>(member));
  }
}

std::vector<uint32_t> ProcessTracker::members_of(uint32_t game_id) const {
  const int map = object_.map_fd("game_processes");
  std::vector<uint32_t> members;
  uint32_t key = 0;
  for (int error = bpf_map_get_next_key(map, nullptr, &key); error == 0;
       error = bpf_map_get_next_key(map, &key, &key)) {
    gs_game_process entry{};
    if (bpf_map_lookup_elem(map, &key, &entry) == 0 && entry.game == game_id) members.push_back(key);
  }
  return members;
}

void ProcessTracker::leave_process(pid_t tgid) {
  const auto key = static_cast<uint32_t>(tgid);
  const int map = object_.map_fd("game_processes");
  gs_game_process entry{};
  if (!read_entry(map, key, entry)) return;
  if (bpf_map_delete_elem(map, &key) == 0) count_processes(entry.game, entry.uid, -1);
}

// Descendants of a process that already ran when it was registered; those of another user are left out. A
// game registers itself before it has any, so a large tree is none: what is walked is bounded, for the walk
// holds up the loop.
Result<void> ProcessTracker::enter_descendants(pid_t root, const gs_game_process& entry) {
  constexpr std::size_t processes_max = 1024, threads_max = 4096;
  std::vector<pid_t> tree{root};
  std::size_t threads = 0;
  for (std::size_t at = 0; at < tree.size(); at++) {
    const pid_t parent = tree[at];
    for (const pid_t child : children_of(parent, threads_max - threads, threads)) {
      const auto status = procfs::read_status(child);
      if (status && status->euid == entry.uid && enter_process(child, entry)) tree.push_back(child);
    }
    if (tree.size() > processes_max || threads >= threads_max)
      return fail(Error::Code::LimitsExceeded,
                  "the process already has more than " + std::to_string(processes_max) + " descendants or " +
                      std::to_string(threads_max) + " threads; register it when it starts");
    // Dead, only not yet waited for: the exit hook that would remove it has run.
    if (const auto stat = procfs::read_stat(parent); at > 0 && (!stat || stat->is_zombie()))
      leave_process(parent);
  }
  return {};
}

void ProcessTracker::set_parked(uint32_t game_id, bool parked) {
  if (gs_game_state* const state = state_of(game_id)) std::atomic_ref(state->parked).store(parked ? 1 : 0);
}

uint32_t ProcessTracker::game_of(pid_t tgid) const {
  gs_game_process entry{};
  return read_entry(object_.map_fd("game_processes"), static_cast<uint32_t>(tgid), entry) ? entry.game : 0;
}

void ProcessTracker::set_filter(const ExecFilter& filter) {
  static_assert(ExecFilter::ignored == GS_EXEC_IGNORED && ExecFilter::reported == GS_EXEC_REPORTED &&
                ExecFilter::watched == GS_EXEC_WATCHED && ExecFilter::audio == GS_EXEC_AUDIO &&
                ExecFilter::launch == GS_EXEC_LAUNCH && ExecFilter::reported_dir == GS_EXEC_DIR_REPORTED &&
                ExecFilter::system_dir == GS_EXEC_DIR_SYSTEM);
  std::vector<std::pair<ExecName, uint32_t>> names;
  for (const auto& [name, flags] : filter.names) {
    ExecName key{};
    std::memcpy(key.text, name.data(), std::min(name.size(), sizeof(key.text) - 1));
    names.emplace_back(key, flags);
  }
  replace_entries<ExecName>(object_.map_fd("exec_names"), names);
  std::vector<std::pair<gs_exec_dir, uint32_t>> dirs;
  for (const auto& [dir, flags] : filter.dirs) {
    gs_exec_dir key{};
    const std::size_t bytes = std::min(dir.size(), sizeof(key.path) - 1);
    key.bits = static_cast<unsigned>(bytes * 8);
    std::memcpy(key.path, dir.data(), bytes);
    dirs.emplace_back(key, flags);
  }
  replace_entries<gs_exec_dir>(object_.map_fd("exec_dirs"), dirs);
}

void ProcessTracker::watch_launcher(pid_t tgid) {
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, tgid, 0)));
  const int key = pidfd.get();
  const uint32_t mark = 1;
  if (pidfd) bpf_map_update_elem(object_.map_fd("watched"), &key, &mark, BPF_ANY);
}

void ProcessTracker::add_audio_server(pid_t tgid) {
  // In place, since the hooks set and clear others' bits meanwhile.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t word = static_cast<std::size_t>(tgid) / 64 * sizeof(uint64_t);
  void* const memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED,
                              object_.map_fd("audio_servers"), static_cast<off_t>(word / page * page));
  if (memory == MAP_FAILED) return;
  auto* const bits = reinterpret_cast<uint64_t*>(static_cast<char*>(memory) + word % page);
  std::atomic_ref(*bits).fetch_or(1ULL << (static_cast<unsigned>(tgid) % 64));
  ::munmap(memory, page);
}

}  // namespace gamesched::kernel
