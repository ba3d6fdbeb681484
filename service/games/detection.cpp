// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/detection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "service/util/glob.h"
#include "service/util/text.h"

namespace gamesched::games {
namespace {

constexpr std::pair<Verdict, std::string_view> verdicts[] = {
    {Verdict::Ignored, "ignored"}, {Verdict::NotAGame, "not-a-game"}, {Verdict::Launcher, "launcher"},
    {Verdict::Wrapper, "wrapper"}, {Verdict::Game, "game"},           {Verdict::AudioServer, "audio-server"},
};

// Deeper trees exist only to be looked through.
constexpr int max_ancestors = 24;
// The Windows program stands behind the loader, its preloader and the like.
constexpr std::size_t max_loader_args = 5;

std::string_view file_name(std::string_view path) {
  const std::size_t slash = path.find_last_of("/\\");
  return slash == path.npos ? path : path.substr(slash + 1);
}

bool ends_with_exe(std::string_view text) {
  return text.size() > 4 && glob_matches("*.exe", text, Case::Ignored);
}

bool is_wine_loader(std::string_view program) {
  static constexpr std::array<std::string_view, 5> loaders{"wine", "wine64", "wine-preloader",
                                                           "wine64-preloader", "wine-stable"};
  return std::ranges::find(loaders, program) != loaders.end();
}

bool is_interpreter(std::string_view program) {
  static constexpr std::array<std::string_view, 10> patterns{"python*", "sh",   "bash", "dash", "perl*",
                                                             "ruby*",   "mono", "env",  "node", "gjs*"};
  return std::ranges::any_of(patterns,
                             [&](auto pattern) { return glob_matches(pattern, program, Case::Sensitive); });
}

bool is_environment_assignment(std::string_view word) {
  return word.find('=') != word.npos && word.find('/') > word.find('=');
}

// The Windows program among the arguments of a Wine loader; "" if none.
std::string windows_program(const Sighting& sighting) {
  // Wine writes the program over its own arguments once it runs.
  if (!sighting.args.empty() && ends_with_exe(sighting.args[0])) return sighting.args[0];
  const std::string_view first = sighting.args.empty() ? sighting.path : std::string_view(sighting.args[0]);
  if (!is_wine_loader(file_name(sighting.path)) && !is_wine_loader(file_name(first))) return {};
  const std::size_t end = std::min(sighting.args.size(), max_loader_args);
  for (std::size_t i = 1; i < end; ++i) {
    if (ends_with_exe(sighting.args[i])) return sighting.args[i];
  }
  return {};
}

std::string script(const Sighting& sighting) {
  if (!is_interpreter(file_name(sighting.path))) return {};
  for (std::size_t i = 1; i < std::min<std::size_t>(sighting.args.size(), 4); ++i) {
    const std::string& word = sighting.args[i];
    if (word.starts_with('-')) {
      if (word == "-c" || word == "-m") return {};
      continue;
    }
    if (is_environment_assignment(word)) continue;
    return word;
  }
  return {};
}

bool one_matches(const Patterns& patterns, std::string_view text, Case letters) {
  return !text.empty() && patterns.match(text, letters);
}

// Each fact is worked out when the first rule asks for it.
class Facts {
 public:
  Facts(const Sighting& sighting, const World& world)
      : sighting_(sighting),
        world_(world),
        program_(program_of(sighting)),
        path_(program_path_of(sighting)) {}

  // The first condition that does not hold, in words where they are wanted; nothing when all hold.
  std::optional<std::string> mismatch(const DetectionRule& rule, bool in_words) {
    const auto because = [&](std::string_view what, std::string_view value = {}) {
      std::string words;
      if (!in_words) return words;
      words = what;
      if (value.data() != nullptr) words.append(" \"").append(value).append("\"");
      return words;
    };
    if (!rule.executable.empty() && !one_matches(rule.executable, program_, Case::Ignored))
      return because("its program is", program_);
    if (!rule.path.empty() && !one_matches(rule.path, path_, Case::Ignored))
      return because("its path is", path_);
    if (!rule.argument.empty() && std::ranges::none_of(sighting_.args, [&](const std::string& argument) {
          return one_matches(rule.argument, argument, Case::Sensitive);
        })) {
      return because("none of its arguments fits");
    }
    if (!rule.ancestor.empty() && std::ranges::none_of(ancestors(), [&](const std::string& program) {
          return one_matches(rule.ancestor, program, Case::Ignored);
        })) {
      return because("none of its ancestors fits");
    }
    if (!rule.cgroup.empty() && !one_matches(rule.cgroup, cgroup(), Case::Sensitive))
      return because("its control group is", cgroup());
    if (rule.from_launcher && !sighting_.from_launcher) return because("it does not come from a launcher");
    if (rule.desktop_game && !is_desktop_game()) return because("no desktop file of category Game starts it");
    return std::nullopt;
  }

  std::string app_id(const DetectionRule& rule) {
    if (!rule.app_id_argument.empty()) {
      for (const std::string& argument : sighting_.args) {
        if (argument.starts_with(rule.app_id_argument)) return argument.substr(rule.app_id_argument.size());
      }
    }
    return app_id_of_cgroup(cgroup());
  }

 private:
  const std::vector<std::string>& ancestors() {
    if (ancestors_) return *ancestors_;
    ancestors_.emplace();
    pid_t parent = sighting_.parent;
    for (int i = 0; i < max_ancestors && parent > 1; ++i) {
      const auto above = world_.process ? world_.process(parent) : std::nullopt;
      if (!above) break;
      ancestors_->push_back(program_of(*above));
      parent = above->parent;
    }
    return *ancestors_;
  }

  const std::string& cgroup() {
    if (!cgroup_) cgroup_ = world_.cgroup ? world_.cgroup(sighting_) : "";
    return *cgroup_;
  }

  bool is_desktop_game() {
    if (world_.desktop == nullptr) return false;
    if (world_.desktop->programs.contains(path_)) return true;
    // A plain name in Exec= is looked for where administrators put programs.
    const bool of_system = path_.starts_with("/usr/") || path_.starts_with("/bin/");
    if (of_system && world_.desktop->programs.contains(program_)) return true;
    const std::string id = app_id_of_cgroup(cgroup());
    return !id.empty() && world_.desktop->ids.contains(id);
  }

  const Sighting& sighting_;
  const World& world_;
  const std::string program_, path_;
  std::optional<std::vector<std::string>> ancestors_;
  std::optional<std::string> cgroup_;
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  return std::ranges::find(verdicts, verdict, &std::pair<Verdict, std::string_view>::first)->second;
}

std::optional<Verdict> verdict_of(std::string_view word) {
  const auto found = std::ranges::find(verdicts, word, &std::pair<Verdict, std::string_view>::second);
  return found == std::end(verdicts) ? std::nullopt : std::optional(found->first);
}

std::string program_path_of(const Sighting& sighting) {
  if (std::string windows = windows_program(sighting); !windows.empty()) return windows;
  if (std::string file = script(sighting); !file.empty()) return file;
  return sighting.path;
}

std::string program_of(const Sighting& sighting) {
  const std::string path = program_path_of(sighting);
  return std::string(file_name(path));
}

bool is_windows_program(const Sighting& sighting) {
  return !windows_program(sighting).empty();
}

std::string app_id_of_cgroup(std::string_view cgroup) {
  while (cgroup.ends_with('/') || cgroup.ends_with('\n')) cgroup.remove_suffix(1);
  // The unit nearest to the process: app[-LAUNCHER]-ID-RANDOM.scope, or app[-LAUNCHER]-ID@RANDOM.service.
  while (!cgroup.empty()) {
    const std::size_t slash = cgroup.rfind('/');
    std::string_view unit = cgroup.substr(slash == cgroup.npos ? 0 : slash + 1);
    cgroup = slash == cgroup.npos ? std::string_view{} : cgroup.substr(0, slash);
    if (!unit.starts_with("app-")) continue;
    unit.remove_prefix(4);
    if (unit.ends_with(".scope")) {
      const std::size_t dash = unit.rfind('-');
      if (dash == unit.npos) continue;
      unit = unit.substr(0, dash);
    } else if (unit.ends_with(".service")) {
      unit.remove_suffix(8);
      unit = unit.substr(0, unit.rfind('@'));
    } else {
      continue;
    }
    // Dashes of an id are written \x2d, so that one that is left divides launcher and id.
    if (const std::size_t dash = unit.find('-'); dash != unit.npos) unit = unit.substr(dash + 1);
    std::string id;
    for (std::size_t i = 0; i < unit.size(); ++i) {
      if (unit.substr(i).starts_with("\\x2d")) {
        id += '-';
        i += 3;
      } else {
        id += unit[i];
      }
    }
    return cleaned(id, 128);
  }
  return {};
}

Finding detect(const std::vector<DetectionRule>& rules, const Sighting& sighting, const World& world,
               const Explain& explain) {
  Facts facts(sighting, world);
  for (const DetectionRule& rule : rules) {
    const auto because = facts.mismatch(rule, explain != nullptr);
    if (explain) explain(rule, because.value_or(""));
    if (!because) return {&rule, cleaned(facts.app_id(rule), 128)};
  }
  return {};
}

}  // namespace gamesched::games
