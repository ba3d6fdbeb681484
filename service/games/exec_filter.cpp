// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/exec_filter.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace gamesched::games {
namespace {

using kernel::ExecFilter;

// As the kernel has them: TASK_COMM_LEN with its final zero.
constexpr std::size_t max_name_bytes = 15;
constexpr std::size_t max_dir_bytes = 63;

constexpr std::string_view system_dirs[] = {"/usr/",       "/bin/",       "/sbin/",
                                            "/nix/store/", "/gnu/store/", "/run/current-system/"};
// Where libraries of games lie; a pattern that begins with a star may mean any of them. System programs are
// not among them, and those are nearly all that is started.
constexpr std::string_view library_dirs[] = {"/home/",  "/var/home/",  "/opt/", "/mnt/",
                                             "/media/", "/run/media/", "/srv/", "/games/"};
// Where a Flatpak sees its own programs. What is run there is judged by its control group.
constexpr std::string_view flatpak_dir = "/app/";
// Windows programs are started by these.
constexpr std::string_view wine_loaders[] = {"wine", "wine64", "wine-preloader", "wine64-preloader",
                                             "wine-stable"};

bool has_wildcard(std::string_view pattern) {
  return pattern.find_first_of("*?") != pattern.npos;
}

std::string name_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1).substr(0, max_name_bytes));
}

bool is_system_dir(std::string_view dir) {
  return std::ranges::any_of(system_dirs, [&](std::string_view system) { return dir.starts_with(system); });
}

void report_dir(ExecFilter& filter, std::string_view dir) {
  const std::string key(dir.substr(0, max_dir_bytes));
  filter.dirs[key] |= ExecFilter::reported_dir | (is_system_dir(key) ? ExecFilter::system_dir : 0);
}

uint32_t flag_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ignored:
      return ExecFilter::ignored;
    case Verdict::Launcher:
      return ExecFilter::watched;
    case Verdict::AudioServer:
      return ExecFilter::audio;
    case Verdict::NotAGame:
    case Verdict::Wrapper:
    case Verdict::Game:
      break;
  }
  return ExecFilter::reported;
}

bool names_only(const DetectionRule& rule) {
  return rule.path.empty() && rule.argument.empty() && rule.ancestor.empty() && rule.cgroup.empty() &&
         !rule.desktop_game && !rule.from_launcher;
}

}  // namespace

kernel::ExecFilter exec_filter(const std::vector<DetectionRule>& rules, const DesktopGames& desktop) {
  ExecFilter filter;
  for (const std::string_view dir : system_dirs) filter.dirs[std::string(dir)] |= ExecFilter::system_dir;
  for (const std::string_view loader : wine_loaders)
    filter.names[std::string(loader)] |= ExecFilter::reported;
  report_dir(filter, flatpak_dir);
  for (const std::string& program : desktop.programs) filter.names[name_of(program)] |= ExecFilter::reported;
  for (const DetectionRule& rule : rules) {
    // What is no game is worth telling only where it could be taken for one.
    if (rule.verdict == Verdict::NotAGame) continue;
    const bool by_name_only = rule.verdict == Verdict::Ignored || rule.verdict == Verdict::AudioServer;
    if (by_name_only && !names_only(rule)) continue;
    for (const std::string& pattern : rule.executable) {
      const bool exact = !has_wildcard(pattern) && pattern.size() <= max_name_bytes;
      if (by_name_only && !exact) continue;  // a cut name could be another program's
      const std::string literal = pattern.substr(0, pattern.find_first_of("*?"));
      if (!has_wildcard(pattern)) filter.names[name_of(pattern)] |= flag_of(rule.verdict);
      // "name*" is most often the name itself.
      if (has_wildcard(pattern) && !literal.empty()) filter.names[name_of(literal)] |= flag_of(rule.verdict);
    }
    for (const std::string& pattern : rule.path) {
      const std::string literal = pattern.substr(0, pattern.find_first_of("*?"));
      if (literal.size() > 1) {
        report_dir(filter, literal);
      } else {
        for (const std::string_view dir : library_dirs) report_dir(filter, dir);
      }
    }
  }
  // A name that another rule needs to see is not ignored.
  for (auto& [name, flags] : filter.names) {
    if (flags != ExecFilter::ignored) flags &= ~ExecFilter::ignored;
  }
  return filter;
}

}  // namespace gamesched::games
