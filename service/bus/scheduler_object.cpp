// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/bus/scheduler_object.h"

#include "service/bus/errors.h"
#include "service/util/text.h"
#include "service/util/time.h"

namespace gamesched::bus {
namespace {

const char* const interface_name = org::gamesched::Scheduler1_adaptor::INTERFACE_NAME;
const char* const object_path = "/org/gamesched/Scheduler1";
// No person sees the difference, and no tool of ours asks more often than each second.
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
    } else if (key == "hold") {
      taken = value_of<bool>(key, value, "b").transform([&](bool hold) { out.hold = hold; });
    } else {
      taken = fail(Error::Code::InvalidArgument, "There is no option \"" + cleaned(key, 64) +
                                                     "\"; known are name, app-id, target-fps and hold.");
    }
    if (!taken) return std::unexpected(taken.error());
  }
  return games::check_options(out).transform([&] { return out; });
}

SchedulerObject::SchedulerObject(Loop& loop, Connection& connection, Requests& requests,
                                 policy::Attachment& attachment)
    : AdaptorInterfaces(connection.get(), sdbus::ObjectPath{object_path}),
      connection_(connection),
      requests_(requests),
      attachment_(attachment),
      told_(values()),
      tell_changes_(loop, [this] { tell_changes(); }) {
  registerAdaptor();
}

SchedulerObject::~SchedulerObject() {
  games_.clear();  // while this object, their manager, is still there
  unregisterAdaptor();
}

void SchedulerObject::game_added(const games::Game& game) {
  games_.emplace(game.id, std::make_unique<GameObject>(connection_.get(), game));
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

std::map<std::string, uint64_t> SchedulerObject::GetCounters() {
  const uint64_t now_usec = monotonic_usec();
  if (!counters_ || now_usec - counters_->read_at_usec >= counters_age_usec) {
    counters_ = Counters{now_usec, {}};
    for (const auto& counter : attachment_.counters()) counters_->values.emplace(counter.name, counter.value);
  }
  return counters_->values;
}

std::string SchedulerObject::Version() {
  return GAMESCHED_VERSION;
}
std::string SchedulerObject::State() {
  return std::string(policy::to_string(attachment_.status().state));
}
std::string SchedulerObject::StateReason() {
  return attachment_.status().reason;
}
bool SchedulerObject::Enabled() {
  return attachment_.enabled();
}
std::string SchedulerObject::Attach() {
  return std::string(policy::to_string(attachment_.config().attach));
}
std::string SchedulerObject::KernelScheduler() {
  return cleaned(attachment_.kernel_scheduler(), 128);
}

SchedulerObject::DetectorList SchedulerObject::Detectors() {
  DetectorList out;
  for (const auto& detector : attachment_.detectors()) {
    out.emplace_back(detector.name, detector.attached, cleaned(detector.reason, 512));
  }
  return out;
}

SchedulerObject::Values SchedulerObject::values() {
  const policy::Status status = attachment_.status();
  return {std::string(policy::to_string(status.state)),
          status.reason,
          Enabled(),
          Attach(),
          Detectors(),
          KernelScheduler()};
}

void SchedulerObject::tell_changes() {
  const Values now = values();
  std::vector<sdbus::PropertyName> names;
  const auto note = [&](bool changed, const char* name) {
    if (changed) names.emplace_back(name);
  };
  note(std::get<0>(now) != std::get<0>(told_), "State");
  note(std::get<1>(now) != std::get<1>(told_), "StateReason");
  note(std::get<2>(now) != std::get<2>(told_), "Enabled");
  note(std::get<3>(now) != std::get<3>(told_), "Attach");
  note(std::get<4>(now) != std::get<4>(told_), "Detectors");
  note(std::get<5>(now) != std::get<5>(told_), "KernelScheduler");
  told_ = now;
  if (!names.empty()) emitPropertiesChangedSignal(interface_name, names);
}

}  // namespace gamesched::bus
