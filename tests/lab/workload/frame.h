// SPDX-License-Identifier: GPL-2.0-or-later
//
// The frame loop: wakes for every slot of the display, does a fixed amount of work, alone or with a job
// system, and records when it was meant to start, when it did, and when it was done.
#pragma once

#include <atomic>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/lab/workload/interval.h"
#include "tests/lab/workload/slots.h"

namespace gamesched::workload {

class Gpu;
class Input;
class JobSystem;
class Streaming;

struct FrameWork {
  uint64_t iterations = 0;  // of the frame's own thread, half before and half after the jobs
  unsigned jobs = 0;
  JobSystem* job_system = nullptr;  // with jobs
  Streaming* streaming = nullptr;   // optional
  Input* input = nullptr;           // optional: events are taken at the begin of a frame
  Gpu* gpu = nullptr;               // optional: the frame ends with a submit
};

struct Frame {
  int64_t intended_ns = 0;
  int64_t wake_ns = 0;
  int64_t end_ns = 0;
  int64_t missed = 0;    // refreshes that got no new frame because of this one
  unsigned cpu = 0;      // where it ended
  int64_t input_ns = 0;  // oldest input event that this frame shows, 0 without
};

// Totals while it runs, in memory that may be a file: whoever maps it (bench/live.py) can watch without
// disturbing the loop. Fields are written in this order, each on its own.
struct LiveTotals {
  std::atomic<int64_t> frames = 0;
  std::atomic<int64_t> missed = 0;
  std::atomic<int64_t> last_frame_ns = 0;
};

class FrameLoop {
 public:
  // Frames beyond most_frames are run but not recorded.
  FrameLoop(double hz, const FrameWork& work, size_t most_frames);

  // Until the interval is over, or after most_frames recorded ones.
  void run(const Interval& interval, LiveTotals& live);

  nlohmann::json report(bool raw) const;

 private:
  int64_t period_ns_;
  FrameWork work_;
  std::vector<Frame> frames_;
};

}  // namespace gamesched::workload
