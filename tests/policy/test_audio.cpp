// SPDX-License-Identifier: GPL-2.0-or-later
#include "bpf/policy/audio.h"

#include <gtest/gtest.h>
#include <sound/asound.h>
#include <sys/ioctl.h>

#include <initializer_list>

#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

TEST(AudioCall, IsWhatTheKernelsHeaderSays) {
  for (const unsigned long command : std::initializer_list<unsigned long>{
           SNDRV_PCM_IOCTL_WRITEI_FRAMES, SNDRV_PCM_IOCTL_READI_FRAMES, SNDRV_PCM_IOCTL_WRITEN_FRAMES,
           SNDRV_PCM_IOCTL_READN_FRAMES, SNDRV_PCM_IOCTL_HWSYNC, SNDRV_PCM_IOCTL_SYNC_PTR})
    EXPECT_EQ(gs_audio_call(static_cast<u32>(command)), GS_AUDIO_PERIOD) << std::hex << command;
  EXPECT_EQ(gs_audio_call(static_cast<u32>(SNDRV_PCM_IOCTL_HW_PARAMS)), GS_AUDIO_SETUP);
  for (const unsigned long command : std::initializer_list<unsigned long>{
           SNDRV_PCM_IOCTL_PREPARE, SNDRV_PCM_IOCTL_START, SNDRV_PCM_IOCTL_DROP, SNDRV_PCM_IOCTL_DELAY,
           SNDRV_PCM_IOCTL_STATUS, SNDRV_PCM_IOCTL_INFO, SNDRV_CTL_IOCTL_ELEM_READ,
           SNDRV_RAWMIDI_IOCTL_STATUS, SNDRV_TIMER_IOCTL_STATUS, SNDRV_CTL_IOCTL_CARD_INFO})
    EXPECT_EQ(gs_audio_call(static_cast<u32>(command)), GS_AUDIO_NONE) << std::hex << command;
  // The sizes of a 32-bit program.
  EXPECT_EQ(gs_audio_call(_IOC(_IOC_READ | _IOC_WRITE, 'A', 0x23, 132)), GS_AUDIO_PERIOD);
  EXPECT_EQ(gs_audio_call(_IOC(_IOC_WRITE, 'A', 0x50, 12)), GS_AUDIO_PERIOD);
  // The same numbers of another kind of device.
  EXPECT_EQ(gs_audio_call(_IOC(_IOC_WRITE, 'd', 0x50, 24)), GS_AUDIO_NONE);
}

u32 after(u32 period_ns, std::initializer_list<double> distances_ms) {
  for (const double ms : distances_ms) period_ns = gs_audio_period(period_ns, static_cast<u64>(ms * GS_MSEC));
  return period_ns;
}

TEST(AudioPeriod, IsKnownFromTheSecondRequest) {
  EXPECT_EQ(after(0, {10}), 10 * GS_MSEC);
  EXPECT_EQ(after(0, {1.333}), 1'333'000U);
}

TEST(AudioPeriod, JitterDoesNotMoveItFar) {
  Random random(__FILE__, __LINE__);
  u32 period = after(0, {5});
  for (int i = 0; i < 10'000; ++i) {
    period = gs_audio_period(period, static_cast<u64>(5e6 * random.real(0.8, 1.2)));
    EXPECT_NEAR(period, 5e6, 0.2 * 5e6);
  }
}

TEST(AudioPeriod, AnXrunMovesItByAQuarterAtMost) {
  EXPECT_LE(after(0, {10, 10, 200}), 12'500'000U);
  EXPECT_NEAR(after(0, {10, 10, 200, 10, 10, 10, 10, 10, 10, 10, 10}), 1e7, 3e5);
  EXPECT_EQ(after(0, {10, 10, 2000}), 10 * GS_MSEC) << "a pause";
  EXPECT_EQ(after(0, {10, 10, 0.01, 0.01}), 10 * GS_MSEC) << "several requests at once";
}

TEST(AudioPeriod, FollowsAnotherQuantum) {
  u32 period = after(0, {21.3});
  int calls = 0;
  for (; period > 1.1 * 1.33e6 && calls < 100; ++calls) period = after(period, {1.33});
  EXPECT_LE(calls, 24);
  for (calls = 0; period < 0.9 * 21.3e6 && calls < 100; ++calls) period = after(period, {21.3});
  EXPECT_LE(calls, 24);
}

TEST(AudioPeriod, StaysInItsBoundsWhateverComes) {
  Random random(__FILE__, __LINE__);
  u32 period = 0;
  for (int i = 0; i < 100'000; ++i) {
    period = gs_audio_period(period, random.any() >> random.between(0, 60));
    EXPECT_LE(period, GS_AUDIO_PAUSE_NS * 5 / 4);
    EXPECT_TRUE(period == 0 || period >= GS_AUDIO_PERIOD_MIN_NS / 2);
  }
}

// works(): wakes every period_ms and runs for work_ms; returns at how much of its wake-ups it was an audio thread.
struct AudioThread {
  u64 now_ns = GS_SEC, paid_ns = 0, period_ns = 0;

  bool owes() const { return gs_audio_owes_too_much(paid_ns, now_ns, period_ns); }
  void runs(double ms) {
    const u64 ran_ns = static_cast<u64>(ms * GS_MSEC);
    now_ns += ran_ns;
    paid_ns = gs_audio_paid(paid_ns, now_ns, ran_ns);
  }
  double works(double period_ms, double work_ms, int periods) {
    int audio = 0;
    period_ns = static_cast<u64>(period_ms * GS_MSEC);
    for (int i = 0; i < periods; ++i) {
      audio += !owes();
      runs(work_ms);
      now_ns += static_cast<u64>((period_ms - work_ms) * GS_MSEC);
    }
    return static_cast<double>(audio) / periods;
  }
};

TEST(AudioShare, HalfOfACpuIsItsOwn) {
  for (const double period_ms : {1.3, 2.7, 21.3, 90.0}) {
    EXPECT_EQ(AudioThread().works(period_ms, 0.5 * period_ms, 10'000), 1) << period_ms;
    EXPECT_LT(AudioThread().works(period_ms, 0.75 * period_ms, 10'000), 0.02) << period_ms;
  }
}

TEST(AudioShare, WhoMakesUpForAHiccupStaysWhatItIs) {
  AudioThread thread;
  thread.works(2.7, 0.3, 100);
  for (const double late_ms : {4.0, 20.0, 45.0}) {
    thread.runs(late_ms);
    EXPECT_FALSE(thread.owes()) << late_ms;
    EXPECT_EQ(thread.works(2.7, 0.3, 100), 1) << late_ms;
  }
}

TEST(AudioShare, WhoComputesIsNoAudioThreadUntilItStops) {
  AudioThread thread;
  thread.works(10, 1, 10);
  thread.runs(60);
  EXPECT_TRUE(thread.owes());
  thread.runs(5000);
  EXPECT_TRUE(thread.owes());
  thread.now_ns += 60 * GS_MSEC;
  EXPECT_FALSE(thread.owes()) << "it is not held against it for long";
}

TEST(AudioShare, OfAServerAThreadWithoutAPeriodHasLess) {
  AudioThread thread;
  thread.runs(4);
  EXPECT_FALSE(thread.owes());
  thread.runs(2);
  EXPECT_TRUE(thread.owes());
}

TEST(AudioShare, NobodyIsShutOutWhateverComes) {
  Random random(__FILE__, __LINE__);
  AudioThread thread;
  thread.period_ns = 10 * GS_MSEC;
  for (int i = 0; i < 100'000; ++i) {
    thread.now_ns += random.any() >> random.between(24, 60);
    const u64 ran_ns = random.any() >> random.between(24, 60);
    thread.now_ns += ran_ns;
    thread.paid_ns = gs_audio_paid(thread.paid_ns, thread.now_ns, ran_ns);
    ASSERT_LE(thread.paid_ns, thread.now_ns + 2 * GS_AUDIO_OWES_NS);
  }
}

}  // namespace
}  // namespace gamesched::tests
