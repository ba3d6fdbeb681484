// SPDX-License-Identifier: GPL-2.0-or-later
//
// What gameschedctl knows and prints: plain data, read by client.h, written
// out by text_output.h and json_output.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gamesched::cli {

// /sys/kernel/sched_ext, read by gameschedctl itself: the truth even where the service is absent.
struct Kernel {
  std::string state;      // "disabled", "enabled", ...; "" when this kernel has no sched_ext
  std::string scheduler;  // root/ops; "" when none is attached
};

struct Detector {
  std::string name;
  bool attached = false;
  std::string reason;
};

// Properties of org.gamesched.Scheduler1.
struct Service {
  std::string version;
  std::string state;
  std::string reason;
  bool enabled = false;
  std::string attach;
  std::vector<Detector> detectors;
  std::string profile;  // in effect; "" from a service without profiles
  std::vector<std::string> configuration_errors;
};

// Properties of org.gamesched.Game1.
struct Game {
  std::string path;
  uint32_t pid = 0;
  uint32_t uid = 0;
  std::string name;
  std::string app_id;
  std::string source;
  uint64_t since_usec = 0;  // CLOCK_REALTIME
  uint32_t target_fps = 0;  // 0: unknown
  bool foreground = false;
  std::map<std::string, uint32_t>
      lanes;  // threads in each (service/util/lanes.h); {} while nothing is scheduled
};

struct Status {
  std::optional<Service> service;  // none: gameschedd does not run
  std::vector<Game> games;         // oldest first
  Kernel kernel;
};

struct ProfileHold {
  std::string profile;
  std::string reason;
  std::string application;
  uint32_t uid = 0;
};

struct ProfileState {
  std::string active;                           // in effect
  std::string chosen;                           // by SetProfile or the configuration
  std::map<std::string, std::string> profiles;  // name, description
  std::vector<ProfileHold> holds;               // oldest first
};

// How a thread is scheduled (Explain). Times in microseconds, 0: not known.
struct Thread {
  uint32_t tid = 0, process = 0;
  std::string name;
  std::string game;  // object path; "": in none
  std::string lane;  // "": the scheduler is not attached, or has not seen it
  std::vector<std::string> evidence;
  uint32_t hop = 0;
  bool input_window = false;
  std::map<std::string, uint64_t> ages;
  uint64_t frame_period = 0, audio_period = 0, burst_average = 0, wait = 0, wait_average = 0;
  uint32_t llc = 0, cpu = 0;
};

using Counters = std::map<std::string, uint64_t>;

}  // namespace gamesched::cli
