// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the deadline and slice functions promise together, in a simulated queue: shares, waits, forks.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/policy/queue.h"
#include "tests/policy/random.h"

namespace gamesched::tests {
namespace {

constexpr u64 ms = GS_MSEC;
// Origins of virtual time: an ordinary one, and one that wraps early in the run.
constexpr u64 origins[] = {0, 0ULL - 50 * ms};

double share(const Queue& queue, size_t thread, u64 run_ns) {
  return static_cast<double>(queue[thread].ran_ns) / static_cast<double>(run_ns);
}

TEST(QueueShares, AreEqualForEquals) {
  for (const u64 origin : origins) {
    Queue queue(1, defaults, origin);
    for (int i = 0; i < 7; ++i) queue.add({});
    queue.run_until(20 * GS_SEC);
    for (size_t i = 0; i < 7; ++i)
      EXPECT_NEAR(share(queue, i, 20 * GS_SEC), 1.0 / 7, 0.01) << i << ", from " << origin;
  }
}

TEST(QueueShares, FollowTheWeights) {
  for (const u64 origin : origins) {
    Queue queue(1, defaults, origin);
    constexpr u32 weights[] = {50, 100, 200, 400};
    for (const u32 weight : weights) queue.add({.weight = weight});
    queue.run_until(60 * GS_SEC);
    for (size_t i = 0; i < std::size(weights); ++i) {
      const double of_its_due = share(queue, i, 60 * GS_SEC) * 750 / weights[i];
      EXPECT_GE(of_its_due, 0.98) << "weight " << weights[i] << ", from " << origin;
      EXPECT_LE(of_its_due, 1.02) << "weight " << weights[i] << ", from " << origin;
      if (i > 0) {
        EXPECT_GT(queue[i].ran_ns, queue[i - 1].ran_ns) << "weight " << weights[i];
      }
    }
  }
}

TEST(QueueShares, OfSeveralCpusAreEqualToo) {
  Queue queue(4);
  for (int i = 0; i < 10; ++i) queue.add({});
  queue.run_until(20 * GS_SEC);
  for (size_t i = 0; i < 10; ++i) EXPECT_NEAR(share(queue, i, 20 * GS_SEC), 0.4, 0.02) << i;
}

TEST(QueueShares, SleepIsNotSavedUp) {
  Queue queue(1);
  const size_t hog = queue.add({}), late = queue.add({.runnable_at_ns = 5 * GS_SEC});
  queue.run_until(6 * GS_SEC);
  EXPECT_NEAR(share(queue, late, GS_SEC), 0.5, 0.02) << "five seconds of sleep are not made up for";
  EXPECT_NEAR(share(queue, hog, 6 * GS_SEC), 5.5 / 6, 0.02);
}

TEST(QueueShares, ANewWeightCountsSoon) {
  Queue queue(1);
  const size_t once_nice = queue.add({.weight = 1});
  queue.run_until(10 * GS_SEC);  // alone: a thousand seconds of virtual time
  const size_t other = queue.add({.runnable_at_ns = 10 * GS_SEC});
  queue.set_weight(once_nice, 100);
  const u64 before = queue[once_nice].ran_ns;
  queue.run_until(12 * GS_SEC);
  EXPECT_NEAR(static_cast<double>(queue[once_nice].ran_ns - before) / (2.0 * GS_SEC), 0.5, 0.06);
  EXPECT_NEAR(static_cast<double>(queue[other].ran_ns) / (2.0 * GS_SEC), 0.5, 0.06);
}

TEST(QueueWaits, AShortSleeperAmongHogsRunsAtTheNextSlice) {
  for (const unsigned hogs : {1U, 4U, 16U}) {
    Queue queue(1);
    for (unsigned i = 0; i < hogs; ++i) queue.add({});
    const size_t sleeper =
        queue.add({.burst_ns = 200 * GS_USEC, .sleep_ns = 20 * ms, .runnable_at_ns = GS_SEC});
    queue.run_until(20 * GS_SEC);
    EXPECT_GT(queue[sleeper].times_run, 500U);
    // One that runs has to end its slice; two, where the sleeper's time is near the queue's.
    EXPECT_LE(queue[sleeper].longest_wait_ns, 2 * defaults.slice_max_ns) << hogs << " hogs";
  }
}

// A chain of children whose parent waits for each and then forks the next is one thread at each time, and gets one thread's
// share; whatever their length and weight. One in which each forks the next and ends gets no more than that.
TEST(Forks, AChainOfShortLivedChildrenGetsOneShare) {
  for (const u32 weight : {15U, 100U, 300U}) {
    for (const u64 fork_usec : {0, 200, 1000}) {
      for (const u64 life_usec : {50, 200, 1000, 2000, 3000, 6000, 10000}) {
        for (const auto [cpus, hogs] : {std::pair{1U, 1U}, {1U, 4U}, {1U, 12U}, {4U, 12U}}) {
          Queue queue(cpus);
          for (unsigned i = 0; i < hogs; ++i) queue.add({});
          const size_t chain =
              queue.add({.weight = weight, .burst_ns = life_usec * GS_USEC, .fork_ns = fork_usec * GS_USEC});
          queue.run_until(40 * GS_SEC);
          const double of_its_share =
              share(queue, chain, 40 * GS_SEC) / cpus * (hogs * 100 + weight) / weight;
          const auto which = testing::Message() << "weight " << weight << ", " << life_usec << " us, fork "
                                                << fork_usec << " us, " << hogs << " hogs on " << cpus;
          EXPECT_LE(of_its_share, 1.02) << which;
          // A low weight pays for long bursts, as any thread's does.
          if (fork_usec > 0) {
            EXPECT_GE(of_its_share, weight >= 100 ? 0.98 : life_usec <= 1000 ? 0.9 : 0.5) << which;
          } else {
            EXPECT_GE(of_its_share, life_usec < 3000 ? 0.004 : 0.5) << which;
          }
          EXPECT_GT(queue[chain].times_run, 20U) << which << ": it is served all the same";
        }
      }
    }
  }
}

// Each forks the next before it computes, for less than a slice, and is gone before it has paid.
TEST(Forks, WhoLeavesBeforeItPaysGainsNothing) {
  for (const u64 life_usec : {200, 1000, 1800}) {
    for (const auto [cpus, hogs] : {std::pair{1U, 4U}, {1U, 12U}, {4U, 12U}}) {
      Queue queue(cpus);
      for (unsigned i = 0; i < hogs; ++i) queue.add({});
      queue.add({.burst_ns = life_usec * GS_USEC, .forks_first = true});
      queue.run_until(10 * GS_SEC);
      double shares = 0;
      for (size_t i = hogs; i < queue.threads().size(); ++i)
        shares += share(queue, i, 10 * GS_SEC) / cpus * (hogs + 1);
      EXPECT_LE(shares, 1.1) << life_usec << " us, " << hogs << " hogs on " << cpus;
      EXPECT_GT(queue.threads().size(), hogs + 20);
    }
  }
}

// While T waits, others go first only with keys before T's, which lies at most wait_max ahead of the queue's
// time. Nobody's virtual time is further back than lag_max, none goes back, and a thread's grows by 100 /
// weight of what it runs. So each other thread runs for (wait_max + lag_max) * weight / 100, a slice it was
// queued for before, and the slice with which it passes T's key; all of them on `cpus` CPUs.
u64 longest_wait(const Queue& queue, size_t thread, unsigned cpus) {
  u64 others = 0;
  for (size_t i = 0; i < queue.threads().size(); ++i) {
    if (i == thread) continue;
    others +=
        (defaults.wait_max_ns + defaults.lag_max_ns) * queue[i].weight / 100 + 2 * defaults.slice_max_ns;
  }
  return others / cpus + defaults.slice_max_ns;
}

void expect_bounded_waits(const Queue& queue, unsigned cpus, double& worst) {
  for (size_t i = 0; i < queue.threads().size(); ++i) {
    const u64 bound = longest_wait(queue, i, cpus);
    worst = std::max(worst, static_cast<double>(queue[i].longest_wait_ns) / static_cast<double>(bound));
    EXPECT_LE(queue[i].longest_wait_ns, bound)
        << "thread " << i << " of weight " << queue[i].weight << ", " << cpus << " CPUs";
  }
}

TEST(QueueWaits, AreBoundedForEveryWeight) {
  Random random(__FILE__, __LINE__);
  double worst = 0;
  for (int run = 0; run < 60; ++run) {
    const unsigned cpus = static_cast<unsigned>(random.between(1, 8));
    Queue queue(cpus, defaults, origins[run % 2]);
    const u64 threads = random.between(2, 40);
    for (u64 i = 0; i < threads; ++i) {
      Queue::Thread thread;
      thread.weight = static_cast<u32>(
          random.chance(0.5) ? 100 : std::min(10000.0, std::max(1.0, random.exponential(100))));
      if (random.chance(0.1)) thread.weight = random.chance(0.5) ? 1 : 10000;
      if (random.chance(0.4)) thread.burst_ns = random.between(50 * GS_USEC, 20 * ms);
      if (thread.burst_ns > 0 && random.chance(0.8)) thread.sleep_ns = random.between(100 * GS_USEC, 50 * ms);
      thread.runnable_at_ns = random.between(0, 100 * ms);
      queue.add(thread);
    }
    queue.run_until(10 * GS_SEC);
    expect_bounded_waits(queue, cpus, worst);
  }
  std::cout << "longest wait: " << worst << " of its bound\n";
}

TEST(QueueWaits, OfNiceThreadsAmongOrdinaryOnesStayBelowASecond) {
  for (const unsigned hogs : {1U, 4U, 16U}) {
    Queue queue(1);
    const size_t nice = queue.add({.weight = 1});  // nice 19
    for (unsigned i = 0; i < hogs; ++i) queue.add({});
    queue.run_until(30 * GS_SEC);
    EXPECT_GT(queue[nice].times_run, 10U);
    EXPECT_LE(queue[nice].longest_wait_ns, GS_SEC) << hogs << " hogs";
    std::cout << "nice 19 among " << hogs << " hogs: waits up to "
              << static_cast<double>(queue[nice].longest_wait_ns) / GS_MSEC << " ms, "
              << share(queue, nice, 30 * GS_SEC) * 100 << " %\n";
  }
}

}  // namespace
}  // namespace gamesched::tests
