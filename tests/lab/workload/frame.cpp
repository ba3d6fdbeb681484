// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/frame.h"

#include <sched.h>

#include <map>
#include <string>

#include "tests/lab/workload/clock.h"
#include "tests/lab/workload/game_threads.h"
#include "tests/lab/workload/gpu.h"
#include "tests/lab/workload/job_system.h"
#include "tests/lab/workload/spin.h"
#include "tests/lab/workload/streaming.h"
#include "tests/lab/workload/summary.h"

namespace gamesched::workload {

FrameLoop::FrameLoop(double hz, const FrameWork& work, size_t most_frames)
    : period_ns_(static_cast<int64_t>(ns_per_s / hz)), work_(work) {
  frames_.reserve(most_frames);
}

void FrameLoop::run(const Interval& interval, LiveTotals& live) {
  const Slots slots{.first_ns = now_ns() + period_ns_, .period_ns = period_ns_};
  for (int64_t slot = 0; !interval.over(slots.start_ns(slot)) && frames_.size() < frames_.capacity();) {
    Frame frame{.intended_ns = slots.start_ns(slot)};
    sleep_until_ns(frame.intended_ns);
    frame.wake_ns = now_ns();
    if (work_.input != nullptr) frame.input_ns = work_.input->take_oldest_ns();
    if (work_.streaming != nullptr) work_.streaming->frame_begins();
    spin(work_.iterations / 2);
    if (work_.job_system != nullptr) work_.job_system->run_and_wait(work_.jobs);
    spin(work_.iterations - work_.iterations / 2);
    if (work_.gpu != nullptr) work_.gpu->submit();
    frame.end_ns = now_ns();
    getcpu(&frame.cpu, nullptr);
    frame.missed = slots.missed(slot, frame.end_ns);
    if (interval.contains(frame.intended_ns)) {
      frames_.push_back(frame);
      live.frames.fetch_add(1, std::memory_order_relaxed);
      live.missed.fetch_add(frame.missed, std::memory_order_relaxed);
      live.last_frame_ns.store(frame.end_ns - frame.intended_ns, std::memory_order_relaxed);
    }
    slot = slots.next_after(slot, frame.end_ns);
  }
}

nlohmann::json FrameLoop::report(bool raw) const {
  int64_t missed = 0;
  Samples time(frames_.size());
  Samples wake(frames_.size());
  Samples input(frames_.size());
  std::vector<int64_t> starts_ns;
  std::map<std::string, int> on_cpus;
  for (const auto& frame : frames_) {
    missed += frame.missed;
    time.add(frame.end_ns - frame.intended_ns);
    wake.add(frame.wake_ns - frame.intended_ns);
    if (frame.input_ns != 0) input.add(frame.end_ns - frame.input_ns);
    ++on_cpus[std::to_string(frame.cpu)];
    starts_ns.push_back(frame.intended_ns - frames_.front().intended_ns);
  }
  nlohmann::json result = {{"frames", frames_.size()},
                           {"missed", missed},
                           {"refreshes", frames_.size() + static_cast<size_t>(missed)},
                           {"period_ns", period_ns_},
                           {"on_cpus", on_cpus},
                           {"time", time.summary(raw)},
                           {"wake", wake.summary(raw)},
                           {"input_to_frame", input.summary(false)}};
  if (raw) result["start_ns"] = starts_ns;
  return result;
}

}  // namespace gamesched::workload
