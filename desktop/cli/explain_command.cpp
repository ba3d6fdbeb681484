// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/explain_command.h"

#include <format>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "service/games/desktop_files.h"
#include "service/games/detection.h"
#include "service/games/sightings.h"
#include "service/policy/config.h"
#include "service/util/text.h"

namespace gamesched::cli::explain {
namespace {

using games::Sighting;
using games::Verdict;
using Json = nlohmann::ordered_json;

constexpr int max_ancestors = 24;
constexpr std::size_t max_text_bytes = 256;

std::string clean(const std::string& text) {
  return cleaned(text, max_text_bytes);
}

struct Judged {
  Sighting sighting;
  games::Finding finding;

  Verdict verdict() const { return finding.rule != nullptr ? finding.rule->verdict : Verdict::NotAGame; }
  std::string verdict_text() const {
    return finding.rule != nullptr
               ? std::format("{}, by rule {}", to_string(finding.rule->verdict), finding.rule->name)
               : "nothing special: no rule fits";
  }
};

// From the oldest ancestor to the process itself; what a launcher started knows it.
std::vector<Judged> lineage(pid_t pid, const std::vector<games::DetectionRule>& rules,
                            const games::World& world) {
  std::vector<Judged> chain;
  for (int i = 0; i < max_ancestors && pid > 1; ++i) {
    auto sighting = games::sight(pid);
    if (!sighting) break;
    pid = sighting->parent;
    chain.insert(chain.begin(), Judged{std::move(*sighting), {}});
  }
  bool from_launcher = false;
  for (Judged& each : chain) {
    each.sighting.from_launcher = from_launcher;
    each.finding = detect(rules, each.sighting, world);
    from_launcher = from_launcher || each.verdict() == Verdict::Launcher;
  }
  return chain;
}

const Judged* first_game(const std::vector<Judged>& chain) {
  for (const Judged& each : chain) {
    if (each.verdict() == Verdict::Wrapper || each.verdict() == Verdict::Game) return &each;
  }
  return nullptr;
}

std::string conclusion(const std::vector<Judged>& chain) {
  const Judged& self = chain.back();
  const Judged* const game = first_game(chain);
  if (game == nullptr) return "It is no game.";
  if (game == &self) return "It is a game, and so is all that it starts.";
  return std::format("It belongs to the game that begins with process {} ({}).", game->sighting.pid,
                     clean(program_of(game->sighting)));
}

}  // namespace

Report process(pid_t pid, const std::string& vendor_config, const std::string& config, bool json) {
  const policy::Loaded loaded = policy::load({vendor_config, config});
  const games::DesktopGames desktop = games::read_desktop_games(games::desktop_folders());
  const games::World world{.process = games::sight,
                           .cgroup = [](const games::Sighting& each) { return games::cgroup_of(each.pid); },
                           .desktop = &desktop};
  const std::vector<Judged> chain = lineage(pid, loaded.config.detect, world);
  if (chain.empty() || chain.back().sighting.pid != pid) return {};
  const Judged& self = chain.back();

  Json rules = Json::array();
  std::string tried;
  detect(loaded.config.detect, self.sighting, world,
         [&](const games::DetectionRule& rule, const std::string& because) {
           rules.push_back({{"name", rule.name},
                            {"where", clean(rule.where)},
                            {"verdict", to_string(rule.verdict)},
                            {"matches", because.empty()},
                            {"because", because.empty() ? Json(nullptr) : Json(clean(because))}});
           std::format_to(std::back_inserter(tried), "  {} {} ({}): {}\n", because.empty() ? "yes" : "no ",
                          rule.name, clean(rule.where),
                          because.empty() ? std::string(to_string(rule.verdict)) : clean(because));
         });

  Json ancestors = Json::array();
  std::string line;
  for (const Judged& each : chain) {
    if (&each != &self) {
      ancestors.push_back(
          {{"pid", each.sighting.pid},
           {"program", clean(program_of(each.sighting))},
           {"verdict", to_string(each.verdict())},
           {"rule", each.finding.rule != nullptr ? Json(each.finding.rule->name) : Json(nullptr)}});
    }
    std::format_to(std::back_inserter(line), "  {} {}: {}\n", each.sighting.pid,
                   clean(program_of(each.sighting)), each.verdict_text());
  }
  Report report{.found = true, .out = {}};
  if (json) {
    const Judged* const game = first_game(chain);
    report.out = Json{{"pid", pid},
                      {"program", clean(program_of(self.sighting))},
                      {"path", clean(program_path_of(self.sighting))},
                      {"from_launcher", self.sighting.from_launcher},
                      {"app_id", self.finding.app_id},
                      {"ancestors", ancestors},
                      {"rules", rules},
                      {"verdict", to_string(self.verdict())},
                      {"rule", self.finding.rule != nullptr ? Json(self.finding.rule->name) : Json(nullptr)},
                      {"game", game != nullptr ? Json(game->sighting.pid) : Json(nullptr)}}
                     .dump(2) +
                 "\n";
  } else {
    report.out = std::format(
        "Process {}, program {} ({})\n\nIt and those that it descends from:\n{}\nRules tried for "
        "it:\n{}\n{}\n",
        pid, clean(program_of(self.sighting)), clean(program_path_of(self.sighting)), line, tried,
        conclusion(chain));
  }
  return report;
}

}  // namespace gamesched::cli::explain
