// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/control_groups.h"

#include <sys/stat.h>

#include "service/games/sightings.h"

namespace gamesched::games {
namespace {

// More than a desktop uses at a time. Users make as many as they like, of names as long as they like: then
// all is looked up again, which the budget of program starts bounds.
constexpr std::size_t max_groups = 256;
constexpr std::size_t max_path_bytes = 512;

}  // namespace

std::string ControlGroups::path_of(pid_t pid, uint64_t id) {
  if (const auto known = paths_.find(id); known != paths_.end()) return known->second;
  const std::string path = cgroup_of(pid);
  if (id == 0 || path.empty() || path.size() > max_path_bytes) return path;
  // It may have moved since: desktops put what they have started into a scope. A group's id is its folder's
  // inode.
  struct stat folder{};
  if (stat((root_ + path).c_str(), &folder) != 0 || folder.st_ino != id) return path;
  if (paths_.size() >= max_groups) paths_.clear();
  paths_.emplace(id, path);
  return path;
}

}  // namespace gamesched::games
