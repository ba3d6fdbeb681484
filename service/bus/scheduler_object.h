// SPDX-License-Identifier: GPL-2.0-or-later
//
// org.gamesched.Scheduler1 at /org/gamesched/Scheduler1: members and type
// conversion, no decisions. Changes of properties are told once a turn of the
// loop, and only those that did change.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "dbus/scheduler1_adaptor.h"
#include "service/bus/connection.h"
#include "service/bus/requests.h"
#include "service/games/registry.h"
#include "service/loop/loop.h"
#include "service/metrics/snapshot.h"
#include "service/policy/attachment.h"
#include "service/policy/profile_control.h"

namespace gamesched::bus {

class SchedulerObject
    : public sdbus::AdaptorInterfaces<org::gamesched::Scheduler1_adaptor, sdbus::Properties_adaptor,
                                      sdbus::ObjectManager_adaptor> {
 public:
  SchedulerObject(Loop& loop, Connection& connection, Requests& requests, policy::Attachment& attachment,
                  policy::ProfileControl& profiles, metrics::Snapshots& snapshots,
                  const games::Registry& registry);
  ~SchedulerObject();

  void properties_may_have_changed() {
    snapshots_.forget();
    tell_changes_.schedule();
  }
  void set_configuration_errors(std::vector<std::string> errors);
  void hold_released(const policy::Hold& hold);
  void foreground_may_have_changed() { tell_changes_.schedule(); }

 private:
  using DetectorList = std::vector<sdbus::Struct<std::string, bool, std::string>>;
  using ProfileList = std::vector<sdbus::Struct<std::string, std::string>>;
  using HoldList = std::vector<std::map<std::string, sdbus::Variant>>;
  // What clients are told the changes of.
  struct Values {
    std::string state, state_reason;
    bool enabled = false;
    std::string attach;
    DetectorList detectors;
    std::string kernel_scheduler, active_profile, profile;
    ProfileList profiles;
    std::vector<uint32_t> holds;  // their cookies: a hold never changes
    std::vector<std::string> configuration_errors;
    std::string foreground_game;
  };

  void RegisterGame(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd pidfd,
                    std::map<std::string, sdbus::Variant> options) override;
  void UnregisterGame(sdbus::Result<>&& result, sdbus::ObjectPath game) override;
  void SetEnabled(sdbus::Result<>&& result, bool enabled) override;
  void SetProfile(sdbus::Result<>&& result, std::string profile) override;
  void HoldProfile(sdbus::Result<uint32_t>&& result, std::string profile, std::string reason,
                   std::string application_id) override;
  void ReleaseProfile(sdbus::Result<>&& result, uint32_t cookie) override;
  std::map<std::string, uint64_t> GetCounters() override;
  void OpenMetrics(sdbus::Result<sdbus::UnixFd>&& result) override;
  void Explain(sdbus::Result<std::map<std::string, sdbus::Variant>>&& result, sdbus::UnixFd thread) override;

  std::string Version() override;
  std::string State() override;
  std::string StateReason() override;
  bool Enabled() override;
  std::string Attach() override;
  DetectorList Detectors() override;
  std::string ActiveProfile() override;
  std::string Profile() override;
  ProfileList Profiles() override;
  HoldList ActiveProfileHolds() override;
  std::vector<std::string> ConfigurationErrors() override;
  sdbus::ObjectPath ForegroundGame() override;
  std::string KernelScheduler() override;

  Sender sender() const;
  Values values();
  void tell_changes();

  Connection& connection_;
  Requests& requests_;
  policy::Attachment& attachment_;
  policy::ProfileControl& profiles_;
  metrics::Snapshots& snapshots_;
  std::vector<std::string> configuration_errors_;
  const games::Registry& registry_;
  Values told_;
  bool telling_ = false;  // changes, from told_
  Later tell_changes_;
};

// The options of RegisterGame. InvalidArgument for unknown keys, wrong types and values out of range.
Result<games::GameOptions> options_of(const std::map<std::string, sdbus::Variant>& options);

}  // namespace gamesched::bus
