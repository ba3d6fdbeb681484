// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/daemon.h"

#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "service/audio/sound_cards.h"
#include "service/auth/authority.h"
#include "service/bus/connection.h"
#include "service/bus/game_objects.h"
#include "service/bus/name_watch.h"
#include "service/bus/power_profiles.h"
#include "service/bus/registration_socket.h"
#include "service/bus/requests.h"
#include "service/bus/scheduler_object.h"
#include "service/bus/seats.h"
#include "service/games/finder.h"
#include "service/games/journal.h"
#include "service/games/registry.h"
#include "service/input/input_watch.h"
#include "service/loop/loop.h"
#include "service/metrics/lane_counts.h"
#include "service/metrics/publisher.h"
#include "service/metrics/snapshot.h"
#include "service/policy/attachment.h"
#include "service/policy/config.h"
#include "service/policy/enabled_store.h"
#include "service/policy/profile_control.h"
#include "service/policy/profile_store.h"
#include "service/util/log.h"
#include "service/util/login.h"
#include "service/util/realtime.h"
#include "service/util/time.h"

namespace gamesched {
namespace {

const char* const bus_name = "org.gamesched.Scheduler1";

// Where things lie; systemd names the state and runtime folders in the environment.
struct Options {
  static std::string folder(const char* variable, const char* otherwise) {
    const char* const value = std::getenv(variable);
    return value != nullptr && *value != '\0' ? value : otherwise;
  }
  std::string bus = "system";
  std::string config_folder = GAMESCHED_SYSCONFDIR "/gamesched";
  std::string vendor_folder = GAMESCHED_DATADIR "/gamesched";
  std::string state_folder = folder("STATE_DIRECTORY", "/var/lib/gamesched");
  std::string runtime_folder = folder("RUNTIME_DIRECTORY", "/run/gamesched");

  policy::ConfigFolders config_folders() const { return {vendor_folder, config_folder}; }
};

std::string file_in(const std::string& folder, const char* name) {
  return std::filesystem::path(folder) / name;
}

class Daemon {
 public:
  Daemon(const Options& options, const MakeBackend& make_backend);
  int run();

 private:
  policy::Config read_config();
  bool read_enabled(const policy::Config& config) const;
  std::optional<std::string> read_profile() const;
  void profile_changed();
  void refine(games::Game& game) const;
  bool parks(const games::Game& game) const;
  void game_profile_changed();
  void hold_power_profile();
  void take_up_games();
  void reload();
  void stop();
  void tell_status();
  void tell_status_later();
  void write_journal();
  void log_later(const games::Game& game, std::string what);
  void log_games();

  const Options options_;
  std::vector<std::string> config_errors_;
  Loop loop_;
  std::unique_ptr<kernel::Backend> backend_;
  games::Journal journal_;
  games::Registry registry_;
  games::Finder finder_;
  policy::Config config_;
  policy::Attachment attachment_;
  policy::ProfileControl profiles_;
  bus::Connection connection_;
  input::InputWatch input_;
  audio::SoundCards sound_cards_;
  metrics::Snapshots snapshots_;
  metrics::LaneCounts lane_counts_;
  metrics::Publisher publisher_;
  bus::NameWatch names_;
  auth::Authority authority_;
  bus::Requests requests_;
  bus::RegistrationSocket socket_;
  bus::GameObjects game_objects_;
  bus::Seats seats_;
  bus::PowerProfiles power_profiles_;
  bus::SchedulerObject object_;
  Defer write_journal_;
  struct Line {
    games::GameId id;
    std::string name, what;
    pid_t pid;
    uid_t uid;
  };
  std::vector<Line> lines_;  // of the log, to come
  Later log_games_;
  Timer status_timer_;
  Signal terminate_, interrupt_, hang_up_;
  std::string told_status_;
};

Daemon::Daemon(const Options& options, const MakeBackend& make_backend)
    : options_(options),
      backend_(make_backend()),
      journal_(file_in(options.runtime_folder, "games.json")),
      registry_(loop_, *backend_),
      finder_(loop_, *backend_, registry_),
      config_(read_config()),
      attachment_(loop_, *backend_, policy::Controller(config_, read_enabled(config_)),
                  [this] { return registry_.scheduled(); }),
      profiles_(*backend_, config_, read_profile()),
      connection_(loop_, options.bus),
      input_(loop_, *backend_),
      sound_cards_(*backend_),
      snapshots_(*backend_),
      lane_counts_(*backend_),
      publisher_(loop_, snapshots_),
      names_(loop_, connection_.get(),
             [this](const std::string& name) {
               registry_.end_held_by(name);
               profiles_.holder_left(name);
               publisher_.reader_left(name);
               game_objects_.forget(name);
             }),
      authority_(loop_, connection_.get()),
      requests_(*backend_, authority_, registry_, attachment_, profiles_, publisher_,
                {policy::EnabledStore(file_in(options.state_folder, "enabled")),
                 policy::ProfileStore(file_in(options.state_folder, "profile"))}),
      socket_(loop_, requests_, file_in(options.runtime_folder, "register")),
      game_objects_(connection_.raw(), authority_, registry_, lane_counts_),
      seats_(connection_.get()),
      power_profiles_(connection_.get()),
      object_(loop_, connection_, requests_, attachment_, profiles_, snapshots_, registry_),
      write_journal_(loop_, [this] { write_journal(); }),
      log_games_(loop_, may_wait_usec, [this] { log_games(); }),
      status_timer_(loop_, [this] { tell_status(); }),
      terminate_(loop_, SIGTERM, [this] { stop(); }),
      interrupt_(loop_, SIGINT, [this] { stop(); }),
      hang_up_(loop_, SIGHUP, [this] { reload(); }) {
  registry_.on_added = [this](const games::Game& game) {
    log_later(game, std::string(to_string(game.source)));
    if (!game.holder.empty()) names_.watch(game.holder);
    game_objects_.added(game);
    attachment_.games_changed();
    write_journal_.schedule();
  };
  registry_.on_changed = [this](const games::Game& game) {
    game_objects_.changed(game);
    object_.foreground_may_have_changed();
    game_profile_changed();
    attachment_.games_changed();
    write_journal_.schedule();
  };
  registry_.refine = [this](games::Game& game) { refine(game); };
  registry_.parks = [this](const games::Game& game) { return parks(game); };
  finder_.on_refused = [](const games::Sighting& sighting, const Error& error) {
    log::warning("A game that was found (process " + std::to_string(sighting.pid) +
                 ") is not scheduled: " + error.message);
  };
  finder_.on_announced = [this](uid_t uid) {
    // Those whom polkit lets register a game.
    if (uid == 0 || authority_.is_known_to_allow(uid) || is_at_a_seat(uid)) attachment_.expect_game();
  };
  backend_->on_foreground = [this](uint32_t slot) { registry_.set_foreground(slot); };
  registry_.on_ended = [this](const games::Game& game, games::EndReason reason) {
    log_later(game, std::string(to_string(reason)));
    if (!game.holder.empty()) names_.unwatch(game.holder);
    game_objects_.ended(game);
    object_.foreground_may_have_changed();
    game_profile_changed();
    attachment_.games_changed();
    write_journal_.schedule();
  };
  attachment_.on_changed = [this] {
    // Only a daemon that has the machine's scheduling in hand is worth a timer: in standby it makes no
    // wake-ups.
    loop_.set_watched(backend_->attached());
    // The next game, while the scheduler lingers for it, finds all as it was.
    seats_.listen(registry_.size() > 0 || backend_->attached());
    hold_power_profile();
    object_.properties_may_have_changed();
    tell_status_later();
  };
  profiles_.on_changed = [this] { profile_changed(); };
  seats_.on_changed = [this] {
    registry_.review();
    attachment_.schedule();
  };
  power_profiles_.on_refused = [](const std::string& profile, const std::string& why) {
    log::warning("The power profile " + profile + " is not held: " + why);
  };
  game_objects_.on_listener = [this](const std::string& name) { names_.watch(name); };
  game_objects_.on_listener_dropped = [this](const std::string& name) { names_.unwatch(name); };
  profiles_.on_held = [this](const policy::Hold& hold) { names_.watch(hold.holder); };
  profiles_.on_hold_ended = [this](const policy::Hold& hold, bool released) {
    if (released) object_.hold_released(hold);
    names_.unwatch(hold.holder);
  };
  publisher_.on_reader = [this](const std::string& name) { names_.watch(name); };
  publisher_.on_reader_left = [this](const std::string& name) { names_.unwatch(name); };
  object_.set_configuration_errors(config_errors_);
  attachment_.on_ejected = [this](const policy::Ejection& ejection) {
    object_.emitEjected(ejection.reason, ejection.detail, ejection.retry_in_s);
  };
}

int Daemon::run() {
  backend_->switch_off_detectors(config_.detectors_off);
  backend_->load();
  // Not before: the verifier's work is long, and nobody waits for it as for a frame.
  if (auto done = become_realtime(); !done) {
    log::notice("Running at ordinary priority, slower to attach on a busy machine: " + done.error().message);
  }
  attachment_.watch_events(loop_);
  profiles_.apply();
  profile_changed();
  finder_.configure(config_.detect, config_.detection);
  take_up_games();
  finder_.scan();
  attachment_.update();
  connection_.request_name(bus_name);
  // After the name, which one process can have: a second one would take the first one's away.
  if (auto listening = socket_.listen(); !listening) {
    log::warning("Games start slower, over the bus alone: " + listening.error().message);
  } else {
    requests_.expect_peers();
  }
  tell_status();
  sd_notify(0, "READY=1");
  return loop_.run();
}

policy::Config Daemon::read_config() {
  policy::Loaded loaded = policy::load(options_.config_folders());
  for (const std::string& error : loaded.errors) {
    log::error("Configuration: " + error + "; this file is ignored, mend it and reload the service");
  }
  config_errors_ = std::move(loaded.errors);
  return std::move(loaded.config);
}

bool Daemon::read_enabled(const policy::Config& config) const {
  const auto remembered = policy::EnabledStore(file_in(options_.state_folder, "enabled")).read();
  if (!remembered) {
    log::warning("Using the configured setting of on or off: " + remembered.error().message);
    return config.enabled;
  }
  return remembered->value_or(config.enabled);
}

std::optional<std::string> Daemon::read_profile() const {
  auto remembered = policy::ProfileStore(file_in(options_.state_folder, "profile")).read();
  if (remembered) return std::move(*remembered);
  log::warning("Using the configured profile: " + remembered.error().message);
  return std::nullopt;
}

void Daemon::profile_changed() {
  attachment_.set_off_profile(profiles_.active_profile().scheduler ? "" : profiles_.active());
  object_.properties_may_have_changed();
  hold_power_profile();
}

// What rules for single games say counts less than what was said when the game was registered.
void Daemon::refine(games::Game& game) const {
  const policy::GameRule* const rule = policy::find_rule(
      config_.games, {.app_id = game.options.app_id, .executable = game.executable, .path = game.path});
  if (rule == nullptr) return;
  if (!rule->name.empty() && game.source == games::Source::Detected) game.name = rule->name;
  if (game.profile.empty()) game.profile = rule->profile;
  if (game.target_fps == 0) game.target_fps = rule->target_fps;
}

// A game whose own profile is without the scheduler is listed, no more; so is one whose user is away.
bool Daemon::parks(const games::Game& game) const {
  if (seats_.is_away(game.uid)) return true;
  const auto profile = config_.profiles.find(game.profile);
  return profile != config_.profiles.end() && !profile->second.scheduler;
}

void Daemon::game_profile_changed() {
  const games::Game* const game = registry_.foreground();
  profiles_.set_game_profile(game != nullptr ? game->profile : "");
}

void Daemon::hold_power_profile() {
  power_profiles_.want(registry_.scheduled() > 0 ? profiles_.active_profile().power_profile : "");
}

void Daemon::take_up_games() {
  const auto adopted = journal_.adopt_into(registry_, connection_.bus_id());
  if (!adopted) {
    log::warning("Games registered before the restart are lost: " + adopted.error().message);
  } else if (*adopted > 0) {
    log::notice("Took up " + std::to_string(*adopted) + " games registered before the restart");
  }
}

void Daemon::write_journal() {
  if (auto written = journal_.write(registry_, connection_.bus_id()); !written) {
    log::warning("The games will be forgotten at a restart of the service: " + written.error().message);
  }
}

// A line of the log wakes the journal's service and the files that it writes: not while the game starts.
void Daemon::log_later(const games::Game& game, std::string what) {
  lines_.push_back({game.id, game.name, std::move(what), game.pid, game.uid});
  log_games_.schedule();
}

void Daemon::log_games() {
  for (const Line& line : std::exchange(lines_, {})) {
    log::info("Game " + line.name + " (process " + std::to_string(line.pid) + ") " + line.what,
              {{"GAMESCHED_GAME", std::to_string(line.id)},
               {"GAMESCHED_GAME_NAME", line.name},
               {"GAMESCHED_GAME_PID", std::to_string(line.pid)},
               {"GAMESCHED_GAME_UID", std::to_string(line.uid)}});
  }
}

void Daemon::reload() {
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", static_cast<unsigned long long>(monotonic_usec()));
  policy::Loaded loaded = policy::load(options_.config_folders());
  config_errors_ = std::move(loaded.errors);
  if (config_errors_.empty()) {
    config_ = std::move(loaded.config);
    backend_->switch_off_detectors(config_.detectors_off);
    attachment_.configure(config_);
    profiles_.configure(config_);
    finder_.configure(config_.detect, config_.detection);
    registry_.review();
    game_profile_changed();
    log::info("Configuration read again");
  }
  for (const std::string& error : config_errors_) {
    log::error("Configuration: " + error +
               "; what was in effect stays so, mend it and reload the service again");
  }
  object_.set_configuration_errors(config_errors_);
  tell_status();
  sd_notify(0, "READY=1");
}

void Daemon::stop() {
  sd_notify(0, "STOPPING=1");
  log_games();
  attachment_.shut_down();
  loop_.exit(EXIT_SUCCESS);
}

// systemd tells the whole bus of each such text, several times over: not while a game starts, which is what
// they are mostly about.
void Daemon::tell_status_later() {
  if (!status_timer_.armed()) status_timer_.arm_at(monotonic_usec() + usec_per_sec);
}

void Daemon::tell_status() {
  status_timer_.disarm();
  const policy::Status& status = attachment_.published();
  std::string text = std::string(policy::to_string(status.state)) + ": " + status.reason;
  if (!config_errors_.empty()) text += " The configuration has errors, see the journal.";
  if (text == told_status_) return;
  told_status_ = text;
  sd_notify(0, ("STATUS=" + text).c_str());
}

}  // namespace

int daemon_main(int argc, char** argv, const MakeBackend& make_backend) {
  Options options;
  CLI::App app{
      "gameschedd: schedules games by a sched_ext scheduler of its own. Started by systemd; see "
      "gameschedctl."};
  app.set_version_flag("--version", "gameschedd " GAMESCHED_VERSION);
  app.add_option("--bus", options.bus, "system, session, or a D-Bus address")->capture_default_str();
  app.add_option("--config-dir", options.config_folder, "folder of gamesched.toml and gamesched.toml.d")
      ->capture_default_str();
  app.add_option("--vendor-config-dir", options.vendor_folder, "folder of the distribution's gamesched.toml")
      ->capture_default_str();
  app.add_option("--state-dir", options.state_folder, "what is remembered over restarts of the machine")
      ->capture_default_str();
  app.add_option("--runtime-dir", options.runtime_folder, "what is remembered over restarts of the service")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return Daemon(options, make_backend).run();
  } catch (const std::exception& error) {
    log::error(std::string("gameschedd ends: ") + error.what());
    return EXIT_FAILURE;
  }
}

}  // namespace gamesched
