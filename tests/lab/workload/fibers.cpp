// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/workload/fibers.h"

#include "tests/lab/workload/spin.h"

namespace gamesched::workload {
namespace {

template <typename T>
T* address(unsigned high, unsigned low) {
  return reinterpret_cast<T*>(uintptr_t{high} << 32 | low);
}

}  // namespace

void Fibers::enter(unsigned fibers_high, unsigned fibers_low, unsigned fiber_high, unsigned fiber_low) {
  auto& fibers = *address<Fibers>(fibers_high, fibers_low);
  auto& fiber = *address<Fiber>(fiber_high, fiber_low);
  for (;;) &fiber == fibers.frame_.get() ? fibers.frame(fiber) : fibers.job(fiber);
}

std::unique_ptr<Fibers::Fiber> Fibers::make() {
  auto fiber = std::make_unique<Fiber>();
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack.data();
  fiber->context.uc_stack.ss_size = fiber->stack.size();
  const auto self = reinterpret_cast<uintptr_t>(this), its = reinterpret_cast<uintptr_t>(fiber.get());
  makecontext(&fiber->context, reinterpret_cast<void (*)()>(&Fibers::enter), 4,
              static_cast<unsigned>(self >> 32), static_cast<unsigned>(self),
              static_cast<unsigned>(its >> 32), static_cast<unsigned>(its));
  return fiber;
}

void Fibers::ready(Fiber* fiber) {
  {
    const std::scoped_lock lock(lock_);
    ready_.push_back(fiber);
  }
  runnable_.post();
}

void Fibers::leave(Fiber& fiber, Left how) {
  fiber.left = how;
  swapcontext(&fiber.context, fiber.thread);
}

void Fibers::job(Fiber& fiber) {
  spin(job_iterations_ / 2);
  leave(fiber, Left::ToGoOn);
  spin(job_iterations_ - job_iterations_ / 2);
  leave(fiber, Left::JobDone);
}

void Fibers::frame(Fiber& fiber) {
  for (unsigned i = 0; i < wanted_; ++i) ready(jobs_[i].get());
  leave(fiber, Left::ForJobs);
  leave(fiber, Left::FrameDone);
}

void Fibers::run_next() {
  runnable_.wait();
  Fiber* fiber = nullptr;
  {
    const std::scoped_lock lock(lock_);
    fiber = ready_.front();
    ready_.pop_front();
  }
  ucontext_t here;
  fiber->thread = &here;
  swapcontext(&here, &fiber->context);
  // It has left its stack now, and not before: from here on another thread may run it.
  if (fiber->left == Left::ToGoOn) return ready(fiber);
  if (fiber->left == Left::FrameDone) return finished_.post();
  bool frame_goes_on = false;
  {
    const std::scoped_lock lock(lock_);
    if (fiber->left == Left::ForJobs) frame_waits_ = true;
    if (fiber->left == Left::JobDone) --remaining_;
    frame_goes_on = frame_waits_ && remaining_ == 0;
    if (frame_goes_on) frame_waits_ = false;
  }
  if (frame_goes_on) ready(frame_.get());
}

void Fibers::run_and_wait(unsigned jobs) {
  if (!frame_) frame_ = make();
  while (jobs_.size() < jobs) jobs_.push_back(make());
  remaining_ = wanted_ = jobs;
  ready(frame_.get());
  finished_.wait();
}

}  // namespace gamesched::workload
