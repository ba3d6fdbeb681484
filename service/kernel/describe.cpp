// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/kernel/describe.h"

#include "bpf/policy/classify.h"
#include "service/util/time.h"

namespace gamesched::kernel {
namespace {

static_assert(lane_names.size() == GS_NR_LANES && urgent_lanes == GS_LANE_GAME_NETWORK + 1);

constexpr struct {
  uint32_t bit;
  const char* word;
} evidence_words[] = {
    {GS_EVIDENCE_INPUT, "input"},     {GS_EVIDENCE_PERIODIC, "periodic"}, {GS_EVIDENCE_WAKER, "waker"},
    {GS_EVIDENCE_PEER, "peer"},       {GS_EVIDENCE_GPU, "gpu"},           {GS_EVIDENCE_FLIP, "flip"},
    {GS_EVIDENCE_FENCE, "fence"},     {GS_EVIDENCE_COMMAND, "command"},   {GS_EVIDENCE_AUDIO, "audio"},
    {GS_EVIDENCE_NETWORK, "network"}, {GS_EVIDENCE_NAME, "name"},         {GS_EVIDENCE_LAUNCH, "launch"},
    {GS_EVIDENCE_ANSWERS, "answers"}, {GS_EVIDENCE_ERRAND, "errand"},     {GS_EVIDENCE_BRINGS, "brings"},
    {GS_EVIDENCE_SERVES, "serves"},
};

uint64_t usec(uint64_t ns) {
  return ns / 1000;
}

}  // namespace

ThreadFacts describe(const task_ctx& thread, uint64_t game_period_ns, uint64_t now_ns) {
  const gs_signals& signals = thread.signals;
  ThreadFacts facts;
  if (thread.lane < lane_names.size()) facts.lane = lane_names[thread.lane];
  for (const auto& [bit, word] : evidence_words)
    if ((thread.evidence & bit) != 0) facts.evidence.emplace_back(word);
  const auto age = [&](const char* name, uint64_t then_ns) {
    if (then_ns != 0) facts.ages_usec[name] = now_ns > then_ns ? usec(now_ns - then_ns) : 0;
  };
  age("submit", signals.submit_ns);
  age("command", signals.command_ns);
  age("flip", signals.flip_ns);
  age("fence", signals.fence_ns);
  age("audio", signals.audio_ns);
  age("network", signals.net_ns);
  age("bulk", signals.bulk_ns);
  age("launch", signals.launch_ns);
  age("brings", thread.brings_ns);
  age("serves", thread.serves_ns);
  facts.game_id = thread.game;
  facts.hop = thread.hop;
  facts.input_window = thread.window != 0;
  uint64_t period_ns = thread.game != 0 ? game_period_ns : gs_frame_period(&signals.frames);
  if (period_ns == 0 && gs_pattern_periodic(&thread.pattern, thread.burst_avg_ns))
    period_ns = thread.pattern.period_ns;
  facts.frame_period_usec = usec(period_ns);
  facts.audio_period_usec = usec(signals.audio_period_ns);
  facts.burst_average_usec = usec(thread.burst_avg_ns);
  facts.wait_usec = usec(thread.wait_ns);
  facts.wait_average_usec = usec(thread.wait_avg_ns);
  facts.llc = thread.llc;
  return facts;
}

}  // namespace gamesched::kernel
