// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ways to wait for BPF ring buffers and to read them, behind one interface, to be measured against each other
// (row IN-11). The service itself uses libbpf with level-triggered epoll.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gamesched::lab {

// The pages of one ring as the kernel lays them out (kernel/bpf/ringbuf.c).
class RawRing {
 public:
  RawRing(int fd, std::size_t bytes);
  ~RawRing();
  RawRing(const RawRing&) = delete;
  RawRing& operator=(const RawRing&) = delete;

  int fd() const { return fd_; }
  // Calls take() for each record that is there; with `prefetch` the next record's line is fetched before.
  template <typename Take>
  std::size_t drain(bool prefetch, const Take& take) {
    std::size_t taken = 0;
    uint64_t at = consumer_->load(std::memory_order_relaxed);
    for (const uint64_t end = producer_->load(std::memory_order_acquire); at < end; taken++) {
      auto* const header = reinterpret_cast<std::atomic<uint32_t>*>(data_ + (at & mask_));
      const uint32_t length = header->load(std::memory_order_acquire);
      if (length & busy_bit) break;
      const std::size_t size = length & ~(busy_bit | discard_bit);
      const uint64_t next = at + ((size + 8 + 7) & ~std::size_t{7});
      if (prefetch) __builtin_prefetch(data_ + (next & mask_));
      if ((length & discard_bit) == 0) take(data_ + (at & mask_) + 8);
      at = next;
      consumer_->store(at, std::memory_order_release);
    }
    return taken;
  }

 private:
  static constexpr uint32_t busy_bit = 1U << 31, discard_bit = 1U << 30;

  int fd_;
  std::size_t mask_, page_;
  std::atomic<uint64_t>* consumer_;
  std::atomic<uint64_t>* producer_;
  char* data_;
};

class Waiter {
 public:
  virtual ~Waiter() = default;
  // Until a ring has a record or wake() was called from another thread; which one does not matter: all are
  // looked at.
  virtual void wait() = 0;
  virtual void wake() = 0;
};

enum class Way { EpollLevel, EpollEdge, IoUring };
// Null when this machine cannot (io_uring may be forbidden).
std::unique_ptr<Waiter> make_waiter(Way way, const std::vector<std::unique_ptr<RawRing>>& rings);

}  // namespace gamesched::lab
