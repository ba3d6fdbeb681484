// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/tray/model.h"

#include <glib.h>

#include <array>
#include <utility>

#include "desktop/tray/words.h"

namespace gamesched::tray {
namespace {

// A menu is one line an entry; longer ones leave small screens.
constexpr std::size_t reason_columns = 60;
// The service allows more a user than a menu has room for.
constexpr std::size_t max_games_shown = 12;

constexpr std::array<std::pair<const char*, State>, 7> state_names{{{"active", State::Active},
                                                                    {"standby", State::Standby},
                                                                    {"off", State::Off},
                                                                    {"degraded", State::Degraded},
                                                                    {"ejected", State::Ejected},
                                                                    {"unsupported", State::Unsupported},
                                                                    {"conflict", State::Conflict}}};

const char* title_of(State state) {
  switch (state) {
    case State::Active:
      return tr("Game scheduling: active");
    case State::Standby:
      return tr("Game scheduling: waiting for a game");
    case State::Off:
      return tr("Game scheduling: off");
    case State::Degraded:
      return tr("Game scheduling: active, but something is missing");
    case State::Ejected:
      return tr("Game scheduling: removed by the kernel");
    case State::Unsupported:
      return tr("Game scheduling: not possible on this system");
    case State::Conflict:
      return tr("Game scheduling: another scheduler is in place");
    case State::NotRunning:
      return tr("Game scheduling: not running");
    case State::Unknown:
      break;
  }
  return tr("Game scheduling: no answer");
}

// The question that the reason answers; null where there is nothing to ask.
const char* question_of(State state) {
  switch (state) {
    case State::Active:
      return nullptr;
    case State::Standby:
      return tr("Why is it not active?");
    case State::Degraded:
      return tr("What is missing?");
    case State::Ejected:
      return tr("What happened?");
    default:
      return tr("Why is it off?");
  }
}

std::string reason_of(State state, const Facts& facts) {
  if (state == State::NotRunning) return tr("The service is not running. It starts with the first game.");
  if (state == State::Unknown && !facts.problem.empty()) return facts.problem;
  return facts.reason;
}

std::string game_name(const Game& game) {
  return isolated(game.name.empty() ? tr("a game") : game.name);
}

Entry text(std::string label) {
  return {.label = std::move(label), .sensitive = false};
}

Entry separator() {
  return {.kind = Entry::Kind::Separator, .sensitive = false};
}

Entry why(const char* question, const std::string& reason) {
  Entry menu{.kind = Entry::Kind::Submenu, .label = question};
  for (std::string& line : wrapped(reason, reason_columns)) menu.children.push_back(text(std::move(line)));
  return menu;
}

Entry on_or_off(State state, const Facts& facts) {
  if (state == State::NotRunning) {
    return {.label = tr("Start the service"), .sensitive = !facts.asking, .action = {.verb = Verb::Start}};
  }
  return {.kind = Entry::Kind::Check,
          .label = tr("Schedule games"),
          .sensitive = !facts.asking && !facts.state.empty(),
          .checked = facts.enabled,
          .action = {.verb = Verb::SetEnabled, .enabled = !facts.enabled}};
}

Entry profiles(const Facts& facts) {
  Entry menu{.kind = Entry::Kind::Submenu, .label = tr("Profile")};
  for (const Profile& profile : facts.profiles) {
    menu.children.push_back({.kind = Entry::Kind::Radio,
                             // Translators: a profile's name and what it is for.
                             .label = profile.description.empty()
                                          ? profile.name
                                          : filled(tr("%s: %s"), isolated(profile.name).c_str(),
                                                   isolated(profile.description).c_str()),
                             .sensitive = !facts.asking,
                             .checked = profile.name == facts.profile,
                             .action = {.verb = Verb::SetProfile, .profile = profile.name}});
  }
  if (!facts.active_profile.empty() && facts.active_profile != facts.profile) {
    menu.children.push_back(separator());
    menu.children.push_back(text(filled(tr("In effect now: %s"), isolated(facts.active_profile).c_str())));
  }
  return menu;
}

void add_games(std::vector<Entry>& menu, const Facts& facts, uint64_t now_usec) {
  if (facts.games.empty()) return menu.push_back(text(tr("No game is running")));
  std::size_t shown = 0;
  for (const Game& game : facts.games) {
    if (shown++ == max_games_shown) break;
    // Translators: a game and how long it has been running.
    std::string label =
        filled(tr("%s, for %s"), game_name(game).c_str(), duration(game.since_usec, now_usec).c_str());
    if (game.boosted > 0) {
      const auto threads = static_cast<unsigned long>(game.boosted);
      // Translators: what stands before, and how many of the game's threads get a processor at once.
      label =
          filled(tr_n("%s, %lu thread boosted", "%s, %lu threads boosted", threads), label.c_str(), threads);
    }
    menu.push_back(text(std::move(label)));
  }
  if (facts.games.size() > max_games_shown) {
    const auto more = static_cast<unsigned long>(facts.games.size() - max_games_shown);
    menu.push_back(text(filled(tr_n("and %lu more", "and %lu more", more), more)));
  }
}

std::string tooltip_text(State state, const Facts& facts) {
  if (state != State::Active || facts.games.empty()) return reason_of(state, facts);
  const auto others = static_cast<unsigned long>(facts.games.size() - 1);
  const std::string newest = game_name(facts.games.back());
  if (others == 0) return newest;
  // Translators: the newest game, and how many run beside it.
  return filled(tr_n("%s and %lu more", "%s and %lu more", others), newest.c_str(), others);
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(g_utf8_strlen(text.c_str(), static_cast<gssize>(text.size())));
}

}  // namespace

State state_of(const Facts& facts) {
  if (!facts.running) return State::NotRunning;
  for (const auto& [name, state] : state_names) {
    if (facts.state == name) return state;
  }
  return State::Unknown;
}

const char* icon_of(State state) {
  switch (state) {
    case State::Active:
      return "gamesched-active";
    case State::Standby:
      return "gamesched-standby";
    case State::Off:
      return "gamesched-off";
    case State::Degraded:
      return "gamesched-degraded";
    case State::Ejected:
      return "gamesched-ejected";
    case State::Unsupported:
      return "gamesched-unsupported";
    case State::Conflict:
      return "gamesched-conflict";
    case State::NotRunning:
    case State::Unknown:
      break;
  }
  return "gamesched-not-running";
}

View view_of(const Facts& facts, uint64_t now_usec) {
  const State state = state_of(facts);
  View view{.icon = icon_of(state),
            .attention = state == State::Ejected || state == State::Conflict,
            // A later service has states that this version does not know.
            .title = state == State::Unknown && !facts.state.empty()
                         ? filled(tr("Game scheduling: %s"), isolated(facts.state).c_str())
                         : title_of(state),
            .text = tooltip_text(state, facts),
            .menu = {}};
  auto& menu = view.menu;
  menu.push_back(text(view.title));
  const char* const question = question_of(state);
  const std::string reason = reason_of(state, facts);
  if (question != nullptr && !reason.empty()) menu.push_back(why(question, reason));
  menu.push_back(separator());
  menu.push_back(on_or_off(state, facts));
  if (!facts.profiles.empty()) menu.push_back(profiles(facts));
  menu.push_back(separator());
  if (state != State::NotRunning && state != State::Unknown) {
    add_games(menu, facts, now_usec);
    menu.push_back(separator());
  }
  menu.push_back({.label = tr("Open the live view"), .action = {.verb = Verb::OpenView}});
  menu.push_back({.label = tr("Quit"), .action = {.verb = Verb::Quit}});
  return view;
}

Notice notice_of(const Ejection& ejection) {
  const auto seconds = static_cast<unsigned long>(ejection.retry_in_s);
  const std::string cause = isolated(ejection.reason);
  return {.title = tr("The kernel removed the game scheduler"),
          .text = seconds == 0
                      ? filled(tr("Cause: %s. Games run on without it. It stays off until you switch it on."),
                               cause.c_str())
                      : filled(tr_n("Cause: %s. Games run on without it. It is tried again in %lu second.",
                                    "Cause: %s. Games run on without it. It is tried again in %lu seconds.",
                                    seconds),
                               cause.c_str(), seconds)};
}

std::optional<Notice> ConflictNews::of(const Facts& facts) {
  const State state = state_of(facts);
  if (state == State::NotRunning || state == State::Unknown) return std::nullopt;
  const bool is_new = !std::exchange(conflict_, state == State::Conflict) && conflict_;
  if (!is_new) return std::nullopt;
  return Notice{.title = tr("Another scheduler is in place"), .text = facts.reason};
}

Notice notice_of_refusal(const std::string& problem) {
  return {.title = tr("Game scheduling was not changed"), .text = problem};
}

Notice notice_of_no_view(const std::string& problem) {
  return {.title = tr("The live view could not be opened"), .text = problem};
}

bool NoticeLimit::allows(uint64_t now_usec) {
  constexpr uint64_t between_usec = 60'000'000;
  if (last_usec_ && now_usec - *last_usec_ < between_usec) return false;
  last_usec_ = now_usec;
  return true;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    if (!lines.empty() && characters(lines.back()) + 1 + characters(word) <= columns) {
      lines.back() += ' ' + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

}  // namespace gamesched::tray
