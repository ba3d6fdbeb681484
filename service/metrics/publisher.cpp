// SPDX-License-Identifier: GPL-2.0-or-later
#include "service/metrics/publisher.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "service/util/time.h"

namespace gamesched::metrics {

Publisher::Publisher(Loop& loop, Snapshots& snapshots)
    : snapshots_(snapshots), timer_(loop, [this] { publish(); }) {}

Publisher::~Publisher() {
  if (page_ != nullptr) ::munmap(page_, sizeof(Page));
}

Result<void> Publisher::make_page() {
  if (page_ != nullptr) return {};
  const char* const name = "gamesched-metrics";
  UniqueFd memory(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
  // Before 6.3 there was no such flag.
  if (!memory && errno == EINVAL) memory = UniqueFd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return fail_errno("cannot make the metrics page", errno);
  if (::ftruncate(memory.get(), sizeof(Page)) != 0) return fail_errno("cannot size the metrics page", errno);
  void* const mapped = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return fail_errno("cannot map the metrics page", errno);
  // After our own mapping: it alone may write.
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) !=
      0) {
    const int error = errno;
    ::munmap(mapped, sizeof(Page));
    return fail_errno("cannot seal the metrics page", error);
  }
  page_ = static_cast<Page*>(mapped);  // zeros: a page of version 0 without entries
  page_->magic = Page::magic_value;
  page_->version = Page::current_version;
  memory_ = std::move(memory);
  return {};
}

Result<UniqueFd> Publisher::open(const std::string& reader, uid_t uid) {
  if (!readers_.contains(reader)) {
    const auto of_user = std::count_if(readers_.begin(), readers_.end(),
                                       [&](const auto& entry) { return entry.second == uid; });
    if (static_cast<std::size_t>(of_user) >= max_readers_per_user || readers_.size() >= max_readers)
      return fail(Error::Code::LimitsExceeded,
                  "There are " + std::to_string(of_user) +
                      " readers of the metrics page of this user already; end one of them.");
  }
  if (auto made = make_page(); !made) return std::unexpected(made.error());
  UniqueFd memory = memory_.duplicate();
  if (!memory) return fail_errno("cannot hand out the metrics page", errno);
  const bool is_new = readers_.emplace(reader, uid).second;
  publish();  // what the reader finds is from now
  if (is_new && on_reader) on_reader(reader);
  return memory;
}

void Publisher::reader_left(const std::string& reader) {
  if (readers_.erase(reader) == 0) return;
  if (readers_.empty()) timer_.disarm();
  if (on_reader_left) on_reader_left(reader);
}

void Publisher::publish() {
  const uint64_t now_usec = monotonic_usec();
  write(*snapshots_.get(now_usec, interval_usec / 2));
  timer_.arm_at(now_usec + interval_usec);
}

void Publisher::write(const Snapshot& snapshot) {
  const std::size_t count = std::min(snapshot.counters.size(), Page::capacity);
  const uint32_t sequence = page_->sequence.load(std::memory_order_relaxed);
  page_->sequence.store(sequence + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  bool renamed = page_->nr_entries != count;
  for (std::size_t i = 0; i < count; i++) {
    PageEntry& entry = page_->entries[i];
    const kernel::Counter& counter = snapshot.counters[i];
    if (counter.name != entry.name.data()) {
      renamed = true;
      entry.name.fill('\0');
      std::memcpy(entry.name.data(), counter.name.data(),
                  std::min(counter.name.size(), entry.name.size() - 1));
    }
    entry.value.store(counter.value, std::memory_order_relaxed);
  }
  page_->nr_entries = static_cast<uint32_t>(count);
  if (renamed) page_->names_generation++;
  page_->read_at_usec.store(snapshot.read_at_usec, std::memory_order_relaxed);
  page_->sequence.store(sequence + 2, std::memory_order_release);
}

}  // namespace gamesched::metrics
