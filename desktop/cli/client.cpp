// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop/cli/client.h"

#include <sdbus-c++/sdbus-c++.h>
#include <systemd/sd-bus.h>

#include <chrono>
#include <cstring>
#include <format>
#include <utility>

#include "desktop/cli/scheduler1_proxy.h"
#include "desktop/cli/wire.h"
#include "service/util/file.h"

namespace gamesched::cli {
namespace {

using namespace std::chrono_literals;

using wire::bus_name;
using wire::clean;
using wire::Properties;
using wire::property;
using wire::root_object;
using wire::text_property;

// The service answers from memory at once; 5 s is beyond any load, and short enough to wait for.
constexpr auto answer_timeout = 5s;
// Here the user may be typing a password for polkit; it gives up after two minutes itself.
constexpr auto authorization_timeout = 120s;

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

std::string first_line(const std::filesystem::path& path) {
  constexpr size_t max_bytes = 4096;  // a sysfs attribute is one page
  const auto content = read_file(path, max_bytes);
  if (!content) return "";
  return clean(content->substr(0, content->find('\n')));
}

}  // namespace

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
    return wire::service_of(all);
  });
}

Expected<std::vector<Game>> Client::games() {
  return guarded([&] {
    auto proxy = sdbus::createProxy(*connection_, sdbus::ServiceName{owner()}, root_object);
    wire::Objects objects;
    proxy->callMethod("GetManagedObjects")
        .onInterface("org.freedesktop.DBus.ObjectManager")
        .storeResultsTo(objects);
    return wire::games_of(objects);
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
