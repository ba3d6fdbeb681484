// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/kernel/ring_consumer.h"

#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "service/util/fd.h"

namespace gamesched::lab {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class Bell {
 public:
  Bell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  int fd() const { return fd_.get(); }
  void ring() const { (void)!::write(fd_.get(), &one_, sizeof(one_)); }

 private:
  static constexpr uint64_t one_ = 1;
  UniqueFd fd_;
};

class Epoll final : public Waiter {
 public:
  Epoll(const std::vector<std::unique_ptr<RawRing>>& rings, uint32_t flags)
      : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (const auto& ring : rings) add(ring->fd(), flags);
    add(bell_.fd(), 0);
  }
  void wait() override {
    std::array<epoll_event, 32> events;
    while (::epoll_wait(fd_.get(), events.data(), events.size(), -1) < 0 && errno == EINTR) {
    }
  }
  void wake() override { bell_.ring(); }

 private:
  void add(int fd, uint32_t flags) const {
    epoll_event event{.events = EPOLLIN | flags, .data = {.fd = fd}};
    if (::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }
  UniqueFd fd_;
  Bell bell_;
};

class IoUring final : public Waiter {
 public:
  explicit IoUring(const std::vector<std::unique_ptr<RawRing>>& rings) {
    if (const int error = io_uring_queue_init(64, &uring_, 0); error != 0)
      throw std::system_error(-error, std::generic_category(), "io_uring");
    for (const auto& ring : rings) poll(ring->fd());
    poll(bell_.fd());
    io_uring_submit(&uring_);
  }
  ~IoUring() override { io_uring_queue_exit(&uring_); }
  void wait() override {
    io_uring_cqe* completion = nullptr;
    while (io_uring_wait_cqe(&uring_, &completion) == -EINTR) {
    }
    unsigned head = 0, seen = 0;
    bool again = false;
    io_uring_for_each_cqe(&uring_, head, completion) {
      seen++;
      if ((completion->flags & IORING_CQE_F_MORE) == 0) {
        poll(static_cast<int>(completion->user_data));
        again = true;
      }
    }
    io_uring_cq_advance(&uring_, seen);
    if (again) io_uring_submit(&uring_);
  }
  void wake() override { bell_.ring(); }

 private:
  void poll(int fd) {
    io_uring_sqe* const entry = io_uring_get_sqe(&uring_);
    io_uring_prep_poll_multishot(entry, fd, POLLIN);
    entry->user_data = static_cast<uint64_t>(fd);
  }
  io_uring uring_{};
  Bell bell_;
};

}  // namespace

RawRing::RawRing(int fd, std::size_t bytes)
    : fd_(fd), mask_(bytes - 1), page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
  void* const consumer = ::mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) fail("mmap of a ring");
  consumer_ = static_cast<std::atomic<uint64_t>*>(consumer);
  // The data lies twice in a row: a record never wraps.
  void* const rest = ::mmap(nullptr, page_ + 2 * bytes, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page_));
  if (rest == MAP_FAILED) fail("mmap of a ring");
  producer_ = static_cast<std::atomic<uint64_t>*>(rest);
  data_ = static_cast<char*>(rest) + page_;
}

RawRing::~RawRing() {
  ::munmap(consumer_, page_);
  ::munmap(producer_, page_ + 2 * (mask_ + 1));
}

std::unique_ptr<Waiter> make_waiter(Way way, const std::vector<std::unique_ptr<RawRing>>& rings) {
  switch (way) {
    case Way::EpollLevel:
      return std::make_unique<Epoll>(rings, 0);
    case Way::EpollEdge:
      return std::make_unique<Epoll>(rings, EPOLLET);
    case Way::IoUring:
      try {
        return std::make_unique<IoUring>(rings);
      } catch (const std::system_error&) {
        return nullptr;
      }
  }
  return nullptr;
}

}  // namespace gamesched::lab
