// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/client.h"

#include <sdbus-c++/sdbus-c++.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <format>
#include <utility>

#include "desktop/cli/scheduler1_proxy.h"
#include "service/util/file.h"
#include "service/util/text.h"

namespace gamesched::cli {
namespace {

using namespace std::chrono_literals;

constexpr const char* bus_name = "org.gamesched.Scheduler1";
const sdbus::ObjectPath root_object{"/org/gamesched/Scheduler1"};
constexpr const char* game_interface = "org.gamesched.Game1";

// The service answers from memory at once; 5 s is beyond any load, and short enough to wait for.
constexpr auto answer_timeout = 5s;
// Here the user may be typing a password for polkit; it gives up after two minutes itself.
constexpr auto authorization_timeout = 120s;

// Texts of the service are clean by contract; the terminal relies on it, so it is enforced here.
constexpr size_t max_text_bytes = 4096;
std::string clean(const std::string& text) {
  return cleaned(text, max_text_bytes);
}

using Properties = std::map<sdbus::PropertyName, sdbus::Variant>;
using Interfaces = std::map<sdbus::InterfaceName, Properties>;

// Absent properties keep their default: an older service has fewer.
template <typename T>
T property(const Properties& properties, const char* name) {
  const auto it = properties.find(sdbus::PropertyName{name});
  return it == properties.end() ? T{} : it->second.get<T>();
}

std::string text_property(const Properties& properties, const char* name) {
  return clean(property<std::string>(properties, name));
}

Problem not_running() {
  return {Problem::Kind::NotRunning, "gameschedd is not running"};
}

// What the bus says when it was to start the service and could not: its own errors of starting, those that
// systemd gives for the unit (masked, broken), and a time-out of starting, which sd-bus's own of waiting is
// not.
bool is_failed_start(const std::string& name) {
  return name.starts_with("org.freedesktop.DBus.Error.Spawn.") ||
         name.starts_with("org.freedesktop.systemd1.") || name == "org.freedesktop.DBus.Error.TimedOut";
}

Problem problem_of(const sdbus::Error& error) {
  const std::string& name = error.getName();
  const std::string text = clean(error.getMessage().empty() ? name : error.getMessage());
  for (const char* absent : {SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER}) {
    if (name == absent) return not_running();
  }
  if (is_failed_start(name))
    return {Problem::Kind::CannotStart, std::format("gameschedd could not be started ({})", text)};
  if (name == SD_BUS_ERROR_TIMEOUT || name == "System.Error.ETIMEDOUT") {
    return {Problem::Kind::NoAnswer, "gameschedd does not answer"};
  }
  if (name == SD_BUS_ERROR_NO_REPLY) {
    return {Problem::Kind::NoAnswer,
            "gameschedd ended or did not answer in time; see journalctl -u gameschedd"};
  }
  return {name.starts_with("org.gamesched.") ? Problem::Kind::Refused : Problem::Kind::NoAnswer, text};
}

// Runs `call` and turns the exception of the bus library into a Problem.
template <typename Call>
auto guarded(Call call) -> Expected<decltype(call())> {
  try {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      return {};
    } else {
      return call();
    }
  } catch (const sdbus::Error& error) {
    return std::unexpected(problem_of(error));
  }
}

class Scheduler final : public sdbus::ProxyInterfaces<org::gamesched::Scheduler1_proxy> {
 public:
  Scheduler(sdbus::IConnection& connection, const std::string& destination)
      : ProxyInterfaces(connection, sdbus::ServiceName{destination}, root_object) {
  }  // no registerProxy(): no signals

 private:
  void onProfileReleased(const uint32_t&) override {}
  void onEjected(const std::string&, const std::string&, const uint32_t&) override {}
};

Game make_game(const std::string& path, const Properties& properties) {
  return {.path = path,
          .pid = property<uint32_t>(properties, "Pid"),
          .uid = property<uint32_t>(properties, "Uid"),
          .name = text_property(properties, "Name"),
          .app_id = text_property(properties, "AppId"),
          .source = text_property(properties, "Source"),
          .since_usec = property<uint64_t>(properties, "Since"),
          .target_fps = property<uint32_t>(properties, "TargetFps")};
}

std::string first_line(const std::filesystem::path& path) {
  constexpr size_t max_bytes = 4096;  // a sysfs attribute is one page
  const auto content = read_file(path, max_bytes);
  if (!content) return "";
  return clean(content->substr(0, content->find('\n')));
}

}  // namespace

Client::Client(std::unique_ptr<sdbus::IConnection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

Expected<Client> Client::connect() {
  sd_bus* bus = nullptr;
  int r = sd_bus_open_system_with_description(&bus, "gameschedctl");
  if (r >= 0) r = sd_bus_set_allow_interactive_authorization(bus, 1);
  if (r < 0) {
    sd_bus_unref(bus);
    return std::unexpected(Problem{Problem::Kind::NoAnswer,
                                   std::format("no connection to the system bus ({})", std::strerror(-r))});
  }
  return guarded([&] {
    auto connection = sdbus::createBusConnection(bus);
    connection->setMethodCallTimeout(answer_timeout);
    return Client(std::move(connection));
  });
}

// The unique name of the service. Throws NameHasNoOwner.
std::string Client::owner() {
  auto bus = sdbus::createProxy(*connection_, sdbus::ServiceName{"org.freedesktop.DBus"},
                                sdbus::ObjectPath{"/org/freedesktop/DBus"});
  std::string owner;
  bus->callMethod("GetNameOwner")
      .onInterface("org.freedesktop.DBus")
      .withArguments(bus_name)
      .storeResultsTo(owner);
  return owner;
}

Expected<Service> Client::service() {
  return guarded([&] {
    // One GetAll, so that state, reason and detectors are of one moment.
    auto proxy = sdbus::createProxy(*connection_, sdbus::ServiceName{owner()}, root_object);
    const Properties all =
        proxy->getAllProperties().onInterface(org::gamesched::Scheduler1_proxy::INTERFACE_NAME);
    Service service{.version = text_property(all, "Version"),
                    .state = text_property(all, "State"),
                    .reason = text_property(all, "StateReason"),
                    .enabled = property<bool>(all, "Enabled"),
                    .attach = text_property(all, "Attach"),
                    .detectors = {},
                    .profile = text_property(all, "ActiveProfile"),
                    .configuration_errors = {}};
    for (const std::string& error : property<std::vector<std::string>>(all, "ConfigurationErrors"))
      service.configuration_errors.push_back(clean(error));
    using DetectorRow = sdbus::Struct<std::string, bool, std::string>;
    for (const DetectorRow& row : property<std::vector<DetectorRow>>(all, "Detectors")) {
      service.detectors.push_back({clean(row.get<0>()), row.get<1>(), clean(row.get<2>())});
    }
    return service;
  });
}

Expected<std::vector<Game>> Client::games() {
  return guarded([&] {
    auto proxy = sdbus::createProxy(*connection_, sdbus::ServiceName{owner()}, root_object);
    std::map<sdbus::ObjectPath, Interfaces> objects;
    proxy->callMethod("GetManagedObjects")
        .onInterface("org.freedesktop.DBus.ObjectManager")
        .storeResultsTo(objects);
    std::vector<Game> games;
    for (const auto& [path, interfaces] : objects) {
      const auto game = interfaces.find(sdbus::InterfaceName{game_interface});
      if (game != interfaces.end()) games.push_back(make_game(path, game->second));
    }
    std::ranges::sort(games, {}, [](const Game& game) { return std::pair(game.since_usec, game.path); });
    return games;
  });
}

Expected<Counters> Client::counters() {
  return guarded([&] { return Counters(Scheduler(*connection_, owner()).GetCounters()); });
}

Expected<Thread> Client::explain(int pidfd) {
  return guarded([&] {
    connection_->setMethodCallTimeout(authorization_timeout);
    Properties all;
    for (auto& [key, value] : Scheduler(*connection_, owner()).Explain(sdbus::UnixFd(pidfd)))
      all.emplace(sdbus::PropertyName{key}, std::move(value));
    Thread thread{.tid = property<uint32_t>(all, "Tid"),
                  .process = property<uint32_t>(all, "Process"),
                  .name = text_property(all, "Name"),
                  .game = property<sdbus::ObjectPath>(all, "Game"),
                  .lane = text_property(all, "Lane"),
                  .evidence = {},
                  .hop = property<uint32_t>(all, "Hop"),
                  .input_window = property<bool>(all, "InputWindow"),
                  .ages = property<std::map<std::string, uint64_t>>(all, "Ages"),
                  .frame_period = property<uint64_t>(all, "FramePeriod"),
                  .audio_period = property<uint64_t>(all, "AudioPeriod"),
                  .burst_average = property<uint64_t>(all, "BurstAverage"),
                  .wait = property<uint64_t>(all, "Wait"),
                  .wait_average = property<uint64_t>(all, "WaitAverage"),
                  .llc = property<uint32_t>(all, "Llc"),
                  .cpu = property<uint32_t>(all, "Cpu")};
    if (thread.game == "/") thread.game.clear();
    for (const std::string& word : property<std::vector<std::string>>(all, "Evidence"))
      thread.evidence.push_back(clean(word));
    return thread;
  });
}

Expected<void> Client::set_enabled(bool enabled) {
  return guarded([&] {
    connection_->setMethodCallTimeout(authorization_timeout);
    Scheduler(*connection_, bus_name).SetEnabled(enabled);
  });
}

Expected<ProfileState> Client::profiles() {
  return guarded([&] {
    auto proxy = sdbus::createProxy(*connection_, sdbus::ServiceName{owner()}, root_object);
    const Properties all =
        proxy->getAllProperties().onInterface(org::gamesched::Scheduler1_proxy::INTERFACE_NAME);
    ProfileState state{.active = text_property(all, "ActiveProfile"),
                       .chosen = text_property(all, "Profile"),
                       .profiles = {},
                       .holds = {}};
    using Row = sdbus::Struct<std::string, std::string>;
    for (const Row& row : property<std::vector<Row>>(all, "Profiles"))
      state.profiles[clean(row.get<0>())] = clean(row.get<1>());
    using HoldRow = std::map<std::string, sdbus::Variant>;
    for (HoldRow& row : property<std::vector<HoldRow>>(all, "ActiveProfileHolds")) {
      state.holds.push_back({.profile = clean(row["Profile"].get<std::string>()),
                             .reason = clean(row["Reason"].get<std::string>()),
                             .application = clean(row["ApplicationId"].get<std::string>()),
                             .uid = row["Uid"].get<uint32_t>()});
    }
    return state;
  });
}

Expected<void> Client::set_profile(const std::string& profile) {
  return guarded([&] {
    connection_->setMethodCallTimeout(authorization_timeout);
    Scheduler(*connection_, bus_name).SetProfile(profile);
  });
}

Expected<void> Client::hold_profile(const std::string& profile, const std::string& reason,
                                    const std::string& application) {
  return guarded([&] {
    connection_->setMethodCallTimeout(authorization_timeout);
    Scheduler(*connection_, bus_name).HoldProfile(profile, reason, application);
  });
}

Kernel read_kernel(const std::filesystem::path& sched_ext) {
  return {.state = first_line(sched_ext / "state"), .scheduler = first_line(sched_ext / "root/ops")};
}

}  // namespace gamesched::cli
