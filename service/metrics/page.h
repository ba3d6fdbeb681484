// SPDX-License-Identifier: GPL-2.0-or-later
//
// The metrics page: counters in memory that the service writes and others map read-only. What OpenMetrics()
// of org.gamesched.Scheduler1 returns is a descriptor of it; its layout is part of that interface.
//
// - One writer, any number of readers, no lock: the writer makes `sequence` odd, writes, makes it even. What
// a
//   reader read is consistent when `sequence` was even before and the same after.
// - Entry i keeps its name as long as `names_generation` is the same: a reader looks a name up once.
// - Native byte order; readers are on the same machine. A reader that knows a smaller `version` than it finds
//   gives up; entries after `nr_entries` say nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gamesched::metrics {

struct PageEntry {
  std::array<char, 56> name;  // ends with a zero byte
  std::atomic<uint64_t> value;
};

struct Page {
  static constexpr uint64_t magic_value = 0x73656d6167706773;  // "sgpgames"
  static constexpr uint32_t current_version = 1;
  static constexpr std::size_t capacity = 1023;  // with the header 64 KiB

  uint64_t magic;
  uint32_t version;
  uint32_t nr_entries;
  std::atomic<uint32_t> sequence;
  uint32_t names_generation;
  std::atomic<uint64_t> read_at_usec;  // CLOCK_MONOTONIC of the values; 0 before the first
  std::array<uint64_t, 4> reserved;
  std::array<PageEntry, capacity> entries;
};
static_assert(sizeof(PageEntry) == 64 && sizeof(Page) == 64 * 1024);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

// The index of a name; empty when there is no such counter.
inline std::optional<std::size_t> find_entry(const Page& page, std::string_view name) {
  for (std::size_t i = 0; i < page.nr_entries && i < Page::capacity; i++)
    if (name == page.entries[i].name.data()) return i;
  return std::nullopt;
}

// Runs read() until it saw values of one moment; empty when the writer ended in the middle of a write.
template <typename Read>
auto read_consistent(const Page& page, Read read) -> std::optional<decltype(read())> {
  constexpr int tries_max = 1'000;  // a write takes some microseconds
  for (int tries = 0; tries < tries_max; tries++) {
    const uint32_t before = page.sequence.load(std::memory_order_acquire);
    if (before % 2 != 0) continue;
    auto result = read();
    std::atomic_thread_fence(std::memory_order_acquire);
    if (page.sequence.load(std::memory_order_relaxed) == before) return result;
  }
  return std::nullopt;
}

}  // namespace gamesched::metrics
