// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/games/detector.h"

#include "service/games/exec_filter.h"
#include "service/util/text.h"

namespace gamesched::games {
namespace {

// login.defs(5): users below it are the system's, and play nothing. 65534 is nobody.
constexpr uid_t first_user = 1000;
constexpr uid_t nobody = 65534;

}  // namespace

std::string display_name(const Sighting& sighting) {
  std::string name = program_of(sighting);
  if (is_windows_program(sighting) && name.size() > 4) name.resize(name.size() - 4);
  return cleaned(name, 64);
}

void Detector::configure(std::vector<DetectionRule> rules, DesktopGames desktop, bool enabled) {
  rules_ = std::move(rules);
  desktop_ = std::move(desktop);
  world_.desktop = &desktop_;
  enabled_ = enabled;
}

kernel::ExecFilter Detector::filter() const {
  return exec_filter(rules_, desktop_);
}

void Detector::program_started(const Sighting& sighting, uint32_t slot) {
  judge(sighting, slot, detect(rules_, sighting, world_));
}

void Detector::found_running(const Sighting& sighting, uint32_t slot) {
  const Finding finding = detect(rules_, sighting, world_);
  if (finding.rule != nullptr && finding.rule->verdict == Verdict::AudioServer && on_audio_server)
    on_audio_server(sighting);
  judge(sighting, slot, finding);
}

void Detector::judge(const Sighting& sighting, uint32_t slot, const Finding& finding) {
  if (sighting.uid < first_user || sighting.uid == nobody) return;
  const Verdict verdict = finding.rule != nullptr ? finding.rule->verdict : Verdict::NotAGame;
  if (slot != 0) {
    const Rank rank = finding.rule == nullptr    ? Rank::Unknown
                      : verdict == Verdict::Game ? Rank::Game
                                                 : Rank::Helper;
    if (on_member) on_member(slot, sighting, rank);
    return;
  }
  if (finding.rule == nullptr) return;
  if (verdict == Verdict::Launcher && on_launcher) on_launcher(sighting);
  if (enabled_ && (verdict == Verdict::Game || verdict == Verdict::Wrapper) && on_game)
    on_game(sighting, finding.app_id);
}

}  // namespace gamesched::games
