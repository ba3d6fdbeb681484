// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "service/metrics/publisher.h"
#include "service/util/time.h"
#include "tests/fakes/backend.h"

namespace gamesched::tests {
namespace {

using metrics::Page;

TEST(Snapshots, AreSharedByAllWhoAskWithinTheirAge) {
  fakes::FakeBackend backend;
  metrics::Snapshots snapshots(backend);
  EXPECT_EQ(backend.counter_reads, 0U) << "nobody asked";
  const auto first = snapshots.get(1'000, 100);
  EXPECT_EQ(snapshots.get(1'099, 100), first);
  const auto second = snapshots.get(1'100, 100);
  EXPECT_NE(second, first);
  EXPECT_EQ(backend.counter_reads, 2U);
  EXPECT_EQ(first->counters[1].value, 1U) << "who holds the old one still sees the old";
  snapshots.forget();
  EXPECT_NE(snapshots.get(1'101, 100), second);
}

class PublisherTest : public testing::Test {
 protected:
  const Page& map(int fd) {
    void* const memory = ::mmap(nullptr, sizeof(Page), PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("mmap");
    return *static_cast<const Page*>(memory);
  }

  Loop loop_;
  fakes::FakeBackend backend_;
  metrics::Snapshots snapshots_{backend_};
  metrics::Publisher publisher_{loop_, snapshots_};
};

TEST_F(PublisherTest, ThePageHasEveryCounter) {
  const auto fd = publisher_.open(":1.1", 1000);
  ASSERT_TRUE(fd.has_value());
  const Page& page = map(fd->get());
  EXPECT_EQ(page.magic, Page::magic_value);
  EXPECT_EQ(page.version, 1U);
  EXPECT_EQ(page.nr_entries, 2U);
  EXPECT_EQ(page.sequence % 2, 0U);
  EXPECT_GT(page.read_at_usec, 0U);
  const auto at = metrics::find_entry(page, "enqueued");
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(metrics::read_consistent(page, [&] { return page.entries[*at].value.load(); }), 7U);
  EXPECT_FALSE(metrics::find_entry(page, "nothing").has_value());
}

TEST_F(PublisherTest, ThePageIsFreshWhileSomebodyReadsAndOnlyThen) {
  EXPECT_FALSE(loop_.run_once(0)) << "no reader, no timer";
  const auto fd = publisher_.open(":1.1", 1000);
  const Page& page = map(fd->get());
  const uint64_t first = page.entries[1].value, names = page.names_generation;
  while (page.entries[1].value == first) loop_.run_once(UINT64_MAX);
  EXPECT_EQ(page.names_generation, names);
  publisher_.reader_left(":1.1");
  const uint64_t reads = backend_.counter_reads;
  EXPECT_FALSE(loop_.run_once(3 * metrics::Publisher::interval_usec)) << "the timer is off";
  EXPECT_EQ(backend_.counter_reads, reads);
}

TEST_F(PublisherTest, NoReaderCanChangeThePage) {
  const auto fd = publisher_.open(":1.1", 1000);
  EXPECT_EQ(::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0), MAP_FAILED);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(fd->get(), 0), -1);
  EXPECT_EQ(::ftruncate(fd->get(), 2 * sizeof(Page)), -1);
  EXPECT_EQ(::pwrite(fd->get(), "x", 1, 0), -1);
  EXPECT_EQ(::fcntl(fd->get(), F_ADD_SEALS, F_SEAL_WRITE), -1) << "seals that would stop the service";
  const UniqueFd again(::open(("/proc/self/fd/" + std::to_string(fd->get())).c_str(), O_RDWR | O_CLOEXEC));
  if (again) {
    EXPECT_EQ(::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0), MAP_FAILED);
  }
}

TEST_F(PublisherTest, ReadersAreBounded) {
  std::vector<std::string> watched;
  publisher_.on_reader = [&](const std::string& name) { watched.push_back(name); };
  for (std::size_t i = 0; i < metrics::Publisher::max_readers_per_user; i++)
    EXPECT_TRUE(publisher_.open(":1." + std::to_string(i), 1000).has_value());
  EXPECT_TRUE(publisher_.open(":1.0", 1000).has_value()) << "one of them again";
  EXPECT_EQ(watched.size(), metrics::Publisher::max_readers_per_user);
  const auto refused = publisher_.open(":1.99", 1000);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Error::Code::LimitsExceeded);
  EXPECT_TRUE(publisher_.open(":1.100", 1001).has_value()) << "another user has a budget of its own";
  publisher_.reader_left(":1.3");
  EXPECT_TRUE(publisher_.open(":1.99", 1000).has_value());
  publisher_.reader_left(":1.12345");
}

TEST(Page, AReaderNeverSeesHalfAWrite) {
  // Counters that are always equal, written as the publisher writes them, read by another thread.
  static Page page;
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (uint64_t value = 1; !stop; value++) {
      const uint32_t sequence = page.sequence.load(std::memory_order_relaxed);
      page.sequence.store(sequence + 1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_release);
      page.entries[0].value.store(value, std::memory_order_relaxed);
      page.entries[900].value.store(value, std::memory_order_relaxed);
      page.sequence.store(sequence + 2, std::memory_order_release);
    }
  });
  int seen = 0;
  while (seen < 20'000) {
    const auto pair = metrics::read_consistent(page, [] {
      return std::pair(page.entries[0].value.load(std::memory_order_relaxed),
                       page.entries[900].value.load(std::memory_order_relaxed));
    });
    if (!pair) continue;
    ASSERT_EQ(pair->first, pair->second);
    seen++;
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace gamesched::tests
