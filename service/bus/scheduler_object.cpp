// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/scheduler_object.h"

#include "service/bus/errors.h"
#include "service/util/text.h"
#include "service/util/time.h"

namespace gamesched::bus {
namespace {

const char* const interface_name = org::gamesched::Scheduler1_adaptor::INTERFACE_NAME;
const char* const object_path = "/org/gamesched/Scheduler1";
constexpr std::size_t max_scheduler_bytes = 128;  // the kernel bounds its name so
// Reading them from every CPU is dear, and anybody may ask as often as they like. No person sees the
// difference, and no tool of ours asks more often than each second.
constexpr uint64_t counters_age_usec = 100 * usec_per_msec;

// A Result can only be moved, a std::function only copied.
template <typename... T>
auto shared(sdbus::Result<T...>&& result) {
  return std::make_shared<sdbus::Result<T...>>(std::move(result));
}

template <typename T>
Result<T> value_of(const std::string& key, const sdbus::Variant& value, const char* type) {
  if (value.containsValueOfType<T>()) return value.get<T>();
  return fail(Error::Code::InvalidArgument, "Option \"" + key + "\" is of type " + value.peekValueType() +
                                                "; pass one of type " + type + ".");
}

std::map<std::string, sdbus::Variant> values_of(const Requests::Explanation& found) {
  const kernel::ThreadFacts& thread = found.thread;
  const std::string game = found.game != nullptr ? games::object_path(found.game->id) : "/";
  return {{"Tid", sdbus::Variant(static_cast<uint32_t>(found.process.pid))},
          {"Process", sdbus::Variant(static_cast<uint32_t>(found.process.tgid))},
          {"Name", sdbus::Variant(found.process.comm)},
          {"Game", sdbus::Variant(sdbus::ObjectPath{game})},
          {"Lane", sdbus::Variant(thread.lane)},
          {"Evidence", sdbus::Variant(thread.evidence)},
          {"Hop", sdbus::Variant(thread.hop)},
          {"InputWindow", sdbus::Variant(thread.input_window)},
          {"Ages", sdbus::Variant(thread.ages_usec)},
          {"FramePeriod", sdbus::Variant(thread.frame_period_usec)},
          {"AudioPeriod", sdbus::Variant(thread.audio_period_usec)},
          {"BurstAverage", sdbus::Variant(thread.burst_average_usec)},
          {"Wait", sdbus::Variant(thread.wait_usec)},
          {"WaitAverage", sdbus::Variant(thread.wait_average_usec)},
          {"Llc", sdbus::Variant(thread.llc)},
          {"Cpu", sdbus::Variant(found.cpu)}};
}

}  // namespace

Result<games::GameOptions> options_of(const std::map<std::string, sdbus::Variant>& options) {
  games::GameOptions out;
  for (const auto& [key, value] : options) {
    Result<void> taken;
    if (key == "name") {
      taken = value_of<std::string>(key, value, "s").transform([&](std::string text) {
        out.name = std::move(text);
      });
    } else if (key == "app-id") {
      taken = value_of<std::string>(key, value, "s").transform([&](std::string text) {
        out.app_id = std::move(text);
      });
    } else if (key == "target-fps") {
      taken = value_of<uint32_t>(key, value, "u").and_then([&](uint32_t fps) {
        out.target_fps = fps;
        return games::check_target_fps(fps);
      });
    } else if (key == "profile") {
      taken = value_of<std::string>(key, value, "s").transform([&](std::string text) {
        out.profile = std::move(text);
      });
    } else if (key == "source") {
      taken = value_of<std::string>(key, value, "s").and_then([&](const std::string& text) -> Result<void> {
        out.gamemode = text == "gamemode";
        if (out.gamemode || text == "registered") return {};
        return fail(Error::Code::InvalidArgument,
                    "Option \"source\" is neither \"registered\" nor \"gamemode\".");
      });
    } else if (key == "hold") {
      taken = value_of<bool>(key, value, "b").transform([&](bool hold) { out.hold = hold; });
    } else {
      taken = fail(Error::Code::InvalidArgument,
                   "There is no option \"" + cleaned(key, 64) +
                       "\"; known are name, app-id, target-fps, profile, source and hold.");
    }
    if (!taken) return std::unexpected(taken.error());
  }
  return games::check_options(out).transform([&] { return out; });
}

SchedulerObject::SchedulerObject(Loop& loop, Connection& connection, Requests& requests,
                                 policy::Attachment& attachment, policy::ProfileControl& profiles,
                                 metrics::Snapshots& snapshots, const games::Registry& registry)
    : AdaptorInterfaces(connection.get(), sdbus::ObjectPath{object_path}),
      connection_(connection),
      requests_(requests),
      attachment_(attachment),
      profiles_(profiles),
      snapshots_(snapshots),
      registry_(registry),
      told_(values()),
      tell_changes_(loop, may_wait_usec, [this] { tell_changes(); }) {
  registerAdaptor();
}

SchedulerObject::~SchedulerObject() {
  unregisterAdaptor();
}

Sender SchedulerObject::sender() const {
  const char* const name = getObject().getCurrentlyProcessedMessage().getSender();
  return {name != nullptr ? name : "", connection_.call_allows_interaction()};
}

void SchedulerObject::RegisterGame(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd pidfd,
                                   std::map<std::string, sdbus::Variant> options) {
  auto checked = options_of(options);
  if (!checked) throw to_bus(checked.error());
  requests_.register_game(sender(), UniqueFd(pidfd.release()), std::move(*checked),
                          [reply = shared(std::move(result))](Result<games::GameId> id) {
                            if (!id) return reply->returnError(to_bus(id.error()));
                            reply->returnResults(sdbus::ObjectPath{games::object_path(*id)});
                          });
}

void SchedulerObject::UnregisterGame(sdbus::Result<>&& result, sdbus::ObjectPath game) {
  requests_.unregister_game(sender(), std::string(game),
                            [reply = shared(std::move(result))](Result<void> done) {
                              if (!done) return reply->returnError(to_bus(done.error()));
                              reply->returnResults();
                            });
}

void SchedulerObject::SetEnabled(sdbus::Result<>&& result, bool enabled) {
  requests_.set_enabled(sender(), enabled, [reply = shared(std::move(result))](Result<void> done) {
    if (!done) return reply->returnError(to_bus(done.error()));
    reply->returnResults();
  });
}

void SchedulerObject::SetProfile(sdbus::Result<>&& result, std::string profile) {
  requests_.set_profile(sender(), std::move(profile), [reply = shared(std::move(result))](Result<void> done) {
    if (!done) return reply->returnError(to_bus(done.error()));
    reply->returnResults();
  });
}

void SchedulerObject::HoldProfile(sdbus::Result<uint32_t>&& result, std::string profile, std::string reason,
                                  std::string application_id) {
  requests_.hold_profile(sender(),
                         {.profile = std::move(profile),
                          .reason = std::move(reason),
                          .application = std::move(application_id),
                          .holder = {}},
                         [reply = shared(std::move(result))](Result<uint32_t> cookie) {
                           if (!cookie) return reply->returnError(to_bus(cookie.error()));
                           reply->returnResults(*cookie);
                         });
}

void SchedulerObject::ReleaseProfile(sdbus::Result<>&& result, uint32_t cookie) {
  requests_.release_profile(sender(), cookie, [reply = shared(std::move(result))](Result<void> done) {
    if (!done) return reply->returnError(to_bus(done.error()));
    reply->returnResults();
  });
}

void SchedulerObject::hold_released(const policy::Hold& hold) {
  auto signal =
      getObject().createSignal(sdbus::InterfaceName{interface_name}, sdbus::SignalName{"ProfileReleased"});
  signal.setDestination(hold.holder);
  signal << hold.cookie;
  signal.send();
}

void SchedulerObject::set_configuration_errors(std::vector<std::string> errors) {
  configuration_errors_ = std::move(errors);
  tell_changes_.schedule();
}

std::map<std::string, uint64_t> SchedulerObject::GetCounters() {
  std::map<std::string, uint64_t> values;
  for (const auto& counter : snapshots_.get(monotonic_usec(), counters_age_usec)->counters)
    values.emplace(counter.name, counter.value);
  return values;
}

void SchedulerObject::OpenMetrics(sdbus::Result<sdbus::UnixFd>&& result) {
  requests_.open_metrics(sender(), [reply = shared(std::move(result))](Result<UniqueFd> page) {
    if (!page) return reply->returnError(to_bus(page.error()));
    reply->returnResults(sdbus::UnixFd(page->release(), sdbus::adopt_fd));
  });
}

void SchedulerObject::Explain(sdbus::Result<std::map<std::string, sdbus::Variant>>&& result,
                              sdbus::UnixFd thread) {
  requests_.explain(sender(), UniqueFd(thread.release()),
                    [reply = shared(std::move(result))](Result<Requests::Explanation> found) {
                      if (!found) return reply->returnError(to_bus(found.error()));
                      reply->returnResults(values_of(*found));
                    });
}

std::string SchedulerObject::Version() {
  return GAMESCHED_VERSION;
}
// The signal of changes asks for their values: those that it was made for, and no new look at the kernel for each.
std::string SchedulerObject::State() {
  return telling_ ? told_.state : std::string(policy::to_string(attachment_.status().state));
}
std::string SchedulerObject::StateReason() {
  return telling_ ? told_.state_reason : attachment_.status().reason;
}
bool SchedulerObject::Enabled() {
  return attachment_.enabled();
}
std::string SchedulerObject::Attach() {
  return std::string(policy::to_string(attachment_.config().attach));
}
std::string SchedulerObject::KernelScheduler() {
  return telling_ ? told_.kernel_scheduler : cleaned(attachment_.see().kernel_scheduler, max_scheduler_bytes);
}

std::string SchedulerObject::ActiveProfile() {
  return profiles_.active();
}
std::string SchedulerObject::Profile() {
  return profiles_.chosen();
}
std::vector<std::string> SchedulerObject::ConfigurationErrors() {
  return configuration_errors_;
}

sdbus::ObjectPath SchedulerObject::ForegroundGame() {
  const games::Game* const game = registry_.foreground();
  return sdbus::ObjectPath{game != nullptr ? games::object_path(game->id) : "/"};
}

SchedulerObject::ProfileList SchedulerObject::Profiles() {
  ProfileList out;
  for (const auto& [name, profile] : profiles_.profiles()) out.emplace_back(name, profile.description);
  return out;
}

SchedulerObject::HoldList SchedulerObject::ActiveProfileHolds() {
  HoldList out;
  for (const policy::Hold& hold : profiles_.holds().all()) {
    out.push_back({{"Profile", sdbus::Variant(hold.profile)},
                   {"Reason", sdbus::Variant(hold.reason)},
                   {"ApplicationId", sdbus::Variant(hold.application)},
                   {"Uid", sdbus::Variant(hold.uid)}});
  }
  return out;
}

SchedulerObject::DetectorList SchedulerObject::Detectors() {
  DetectorList out;
  for (const auto& detector : attachment_.detectors()) {
    out.emplace_back(detector.name, detector.attached, cleaned(detector.reason, 512));
  }
  return out;
}

SchedulerObject::Values SchedulerObject::values() {
  const auto [status, kernel_scheduler] = attachment_.see();
  Values values{.state = std::string(policy::to_string(status.state)),
                .state_reason = status.reason,
                .enabled = Enabled(),
                .attach = Attach(),
                .detectors = Detectors(),
                .kernel_scheduler = cleaned(kernel_scheduler, max_scheduler_bytes),
                .active_profile = ActiveProfile(),
                .profile = Profile(),
                .profiles = Profiles(),
                .holds = {},
                .configuration_errors = configuration_errors_,
                .foreground_game = ForegroundGame()};
  for (const policy::Hold& hold : profiles_.holds().all()) values.holds.push_back(hold.cookie);
  return values;
}

void SchedulerObject::tell_changes() {
  Values now = values();
  std::vector<sdbus::PropertyName> names;
  const auto note = [&](auto Values::* member, const char* name) {
    if (now.*member != told_.*member) names.emplace_back(name);
  };
  note(&Values::state, "State");
  note(&Values::state_reason, "StateReason");
  note(&Values::enabled, "Enabled");
  note(&Values::attach, "Attach");
  note(&Values::detectors, "Detectors");
  note(&Values::kernel_scheduler, "KernelScheduler");
  note(&Values::active_profile, "ActiveProfile");
  note(&Values::profile, "Profile");
  note(&Values::profiles, "Profiles");
  note(&Values::holds, "ActiveProfileHolds");
  note(&Values::configuration_errors, "ConfigurationErrors");
  note(&Values::foreground_game, "ForegroundGame");
  told_ = std::move(now);
  if (names.empty()) return;
  telling_ = true;
  try {
    emitPropertiesChangedSignal(interface_name, names);
  } catch (...) {
    telling_ = false;
    throw;
  }
  telling_ = false;
}

}  // namespace gamesched::bus
