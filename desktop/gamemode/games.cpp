// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/gamemode/games.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <sstream>

#include "service/util/file.h"
#include "service/util/text.h"

namespace gamesched::gamemode {
namespace {

// Each holds a descriptor, and a second one while gameschedd is asked; 1024 are what a user's services may
// open.
constexpr std::size_t max_games = 400;
// gameschedd's budget fills up at a change every 0.8 s; this asks for what a few of those allow.
constexpr unsigned retry_msec = 5'000;
constexpr std::size_t retry_at_once = 6;
// After gameschedd left a question unanswered. On a busy machine it may answer the next one; one that hangs
// is ended by its watchdog within half a minute, and whoever comes then is told at once.
constexpr unsigned silence_msec = 5'000;
// From a client's last call to its process's end: at most a few milliseconds of destructors, on a busy
// machine.
constexpr unsigned leave_msec = 500;
// A chain of launchers is some ten processes long; a loop in what /proc says ends here.
constexpr int max_depth = 64;
constexpr std::size_t max_file_bytes = 64 * 1024;

uint64_t now_sec() {
  using namespace std::chrono;
  return static_cast<uint64_t>(duration_cast<seconds>(system_clock::now().time_since_epoch()).count());
}

}  // namespace

Games::Games(Scheduler& scheduler, std::string folder)
    : scheduler_(scheduler), file_(folder.empty() ? "" : std::move(folder) + "/gamemode-games") {
  scheduler_.on_new_owner = [this] { ask_all_again(); };
}

bool Games::has(pid_t pid) const {
  const auto it = games_.find(pid);
  return it != games_.end() && it->second.announced;
}

int Games::count() const {
  return static_cast<int>(std::ranges::count_if(games_, [](const auto& e) { return e.second.announced; }));
}

std::vector<const Game*> Games::all() const {
  std::vector<const Game*> all;
  for (const auto& [pid, game] : games_) {
    if (game.announced) all.push_back(&game);
  }
  return all;
}

// The nearest ancestor that gameschedd has; 0 when there is none.
pid_t Games::root_of(pid_t pid) const {
  for (int depth = 0; depth < max_depth && pid > 1; ++depth) {
    pid = parent_of(pid);
    const auto it = games_.find(pid);
    if (it != games_.end() && it->second.stage == Game::Stage::Taken) return pid;
  }
  return 0;
}

Game& Games::insert(Process process, pid_t requester) {
  const pid_t pid = process.pid;
  Game& game = games_[pid];
  game.process = std::move(process);
  game.requester = requester;
  game.since_sec = now_sec();
  game.ended = glib::Source::when_readable(game.process.pidfd.get(), [this, pid] { forget(pid); });
  return game;
}

void Games::add(Process process, pid_t requester, std::function<void(Code)> reply) {
  const pid_t pid = process.pid;
  if (const auto known = games_.find(pid); known != games_.end()) {
    if (known->second.process.start_ticks == process.start_ticks) return reply(Code::Failed);
    forget(pid);  // its end has not been seen yet, and the number has another process
  }
  if (games_.size() >= max_games) {
    g_warning("More than %zu games at once; process %d is not registered.", max_games, pid);
    return reply(Code::Failed);
  }
  Game& game = insert(std::move(process), requester);
  game.reply = std::move(reply);
  // Left a moment ago and here again: gameschedd has not been told anything.
  if (const auto left = leaving_.find(pid); left != leaving_.end()) {
    const bool same = left->second.start_ticks == game.process.start_ticks;
    if (same) game.scheduled = left->second.scheduled;
    leaving_.erase(left);
    if (same) return accept(game, Game::Stage::Taken);
  }
  game.root = root_of(pid);
  if (game.root != 0) return accept(game, Game::Stage::Covered);
  if (silence_.pending()) return accept(game, Game::Stage::Unknown);
  ask(game);
}

void Games::ask(Game& game) {
  game.stage = Game::Stage::Asked;
  game.root = 0;
  game.turn = next_turn_++;
  scheduler_.register_game(game.process.pidfd.get(), name_of(game.process),
                           [this, pid = game.process.pid, turn = game.turn](const Answer& answer) {
                             answered(pid, turn, answer);
                           });
}

void Games::answered(pid_t pid, uint64_t turn, const Answer& answer) {
  const auto it = games_.find(pid);
  if (it == games_.end() || it->second.turn != turn) {
    // Ended or unregistered meanwhile. Where it lives on, it is no game any more.
    if (answer.kind == Answer::Kind::Taken && !answer.game.empty() && it == games_.end()) {
      scheduler_.unregister_game(answer.game);
    }
    return;
  }
  Game& game = it->second;
  const bool answers = answer.kind == Answer::Kind::Taken || answer.kind == Answer::Kind::Full ||
                       answer.kind == Answer::Kind::Refused;
  if (answers && silence_.pending()) silence_ = glib::Source::when_idle([this] { ask_unknown(); });
  switch (answer.kind) {
    case Answer::Kind::Taken:
      game.scheduled = answer.game;
      return accept(game, Game::Stage::Taken);
    case Answer::Kind::Full:
      if (!retry_.pending()) retry_ = glib::Source::after_msec(retry_msec, [this] { ask_waiting(); });
      return accept(game, Game::Stage::Waiting);
    case Answer::Kind::Refused:
      return refuse(game, Code::Rejected, answer.problem);
    case Answer::Kind::Absent:
    case Answer::Kind::Died:
    case Answer::Kind::Silent:
      return without_answer(game, answer);
  }
}

void Games::without_answer(Game& game, const Answer& answer) {
  if (answer.kind == Answer::Kind::Silent) {
    silence_ = glib::Source::after_msec(silence_msec, [this] { ask_unknown(); });
    accept(game, Game::Stage::Unknown);
  } else if (game.announced) {
    game.stage = Game::Stage::Unknown;
  } else if (answer.kind == Answer::Kind::Died && !game.again) {
    game.again = true;  // a restart: the bus starts the next one and holds the question until then
    ask(game);
  } else {
    refuse(game, Code::Failed, answer.problem);
  }
}

void Games::accept(Game& game, Game::Stage stage) {
  game.stage = stage;
  save_soon();
  if (!game.announced) {
    game.announced = true;
    if (on_registered) on_registered(game);
  }
  if (auto reply = std::exchange(game.reply, {})) reply(Code::Ok);
}

void Games::refuse(Game& game, Code code, const std::string& problem) {
  const pid_t pid = game.process.pid;
  g_message("Process %d (%s) is not scheduled as a game: %s", pid, game.process.executable.c_str(),
            cleaned(problem, 512).c_str());
  auto reply = std::exchange(game.reply, {});
  forget(pid);
  if (reply) reply(code);
}

void Games::forget(pid_t pid) {
  const auto it = games_.find(pid);
  if (it == games_.end()) return;
  auto node = games_.extract(it);
  const Game& game = node.mapped();
  if (game.announced && on_unregistered) on_unregistered(game);
  if (game.reply) game.reply(Code::Failed);  // ended while its client waited
  save_soon();
  after_root(pid);
}

// What a game covered stands for itself from now on.
void Games::after_root(pid_t root) {
  std::vector<pid_t> left;
  for (const auto& [pid, game] : games_) {
    if (game.stage == Game::Stage::Covered && game.root == root) left.push_back(pid);
  }
  for (const pid_t pid : left) {
    Game& game = games_.at(pid);
    game.root = root_of(pid);
    if (game.root == 0) ask(game);
  }
}

Code Games::remove(pid_t pid) {
  const auto it = games_.find(pid);
  if (it == games_.end() || !it->second.announced) return Code::Failed;
  leave(it->second);
  forget(pid);
  return Code::Ok;
}

void Games::leave(Game& game) {
  if (game.scheduled.empty()) return;
  const pid_t pid = game.process.pid;
  Leaving& leaving = leaving_[pid];
  leaving = Leaving{.pidfd = std::move(game.process.pidfd),
                    .start_ticks = game.process.start_ticks,
                    .scheduled = game.scheduled,
                    .ended = {},
                    .late = {}};
  game.ended.cancel();
  leaving.ended = glib::Source::when_readable(leaving.pidfd.get(), [this, pid] { leaving_.erase(pid); });
  leaving.late = glib::Source::after_msec(leave_msec, [this, pid] {
    const std::string scheduled = leaving_.at(pid).scheduled;
    leaving_.erase(pid);
    scheduler_.unregister_game(scheduled);
  });
}

void Games::ask_waiting() {
  std::vector<pid_t> waiting;
  for (const auto& [pid, game] : games_) {
    if (game.stage == Game::Stage::Waiting) waiting.push_back(pid);
  }
  std::ranges::sort(waiting, {}, [this](pid_t pid) { return games_.at(pid).turn; });
  std::size_t asked = 0;
  for (const pid_t pid : waiting) {
    Game& game = games_.at(pid);
    if ((game.root = root_of(pid)) != 0) {
      game.stage = Game::Stage::Covered;
    } else if (asked < retry_at_once) {
      ask(game);
      ++asked;
    }
  }
  if (asked < waiting.size() && asked == retry_at_once) {
    retry_ = glib::Source::after_msec(retry_msec, [this] { ask_waiting(); });
  }
}

// Those that got no answer.
void Games::ask_unknown() {
  std::vector<pid_t> unknown;
  for (const auto& [pid, game] : games_) {
    if (game.stage == Game::Stage::Unknown) unknown.push_back(pid);
  }
  for (const pid_t pid : unknown) {
    Game& game = games_.at(pid);
    game.root = root_of(pid);
    if (game.root != 0) {
      game.stage = Game::Stage::Covered;
    } else {
      ask(game);
    }
  }
}

void Games::ask_all_again() {
  silence_.cancel();
  leaving_.clear();  // gameschedd itself holds on to them until they end
  std::vector<pid_t> pids;
  for (const auto& [pid, game] : games_) {
    const bool in_flight = game.stage == Game::Stage::Asked;
    if (!in_flight && game.stage != Game::Stage::Covered) pids.push_back(pid);
  }
  for (const pid_t pid : pids) {
    Game& game = games_.at(pid);
    game.scheduled.clear();
    ask(game);
  }
}

bool Games::resend() {
  if (count() == 0) return false;
  ask_all_again();
  return true;
}

void Games::save_soon() {
  if (file_.empty() || save_later_.pending()) return;
  save_later_ = glib::Source::when_idle([this] { save(); });
}

void Games::save() const {
  std::string text;
  for (const Game* game : all()) {
    text += std::format("{} {} {} {}\n", game->process.pid, game->process.start_ticks, game->requester,
                        game->since_sec);
  }
  if (auto saved = replace_file(file_, text, 0600); !saved) {
    g_warning("A restart would lose the games: %s", saved.error().message.c_str());
  }
}

void Games::restore() {
  if (file_.empty() || !file_exists(file_)) return;
  const auto text = read_file(file_, max_file_bytes);
  if (!text) return g_warning("Games of an earlier run are lost: %s", text.error().message.c_str());
  std::istringstream lines(*text);
  pid_t pid = 0, requester = 0;
  uint64_t start_ticks = 0, since_sec = 0;
  while (games_.size() < max_games && lines >> pid >> start_ticks >> requester >> since_sec) {
    auto process = process_of(pid);
    if (!process || process->start_ticks != start_ticks || games_.contains(pid)) continue;
    Game& game = insert(std::move(*process), requester);
    game.since_sec = since_sec;
    game.announced = true;
    if (on_registered) on_registered(game);
    ask(game);
  }
}

}  // namespace gamesched::gamemode
