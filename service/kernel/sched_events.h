// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tells when a sched_ext scheduler, ours or another, was attached or detached: the
// kernel announces both (a uevent of /sys/kernel/sched_ext/root).
//
// - Only these wake the reader: a socket filter drops all other uevents in the kernel.
// - An event says only "look again"; what is the case stands in /sys/kernel/sched_ext. At
//   the end of a scheduler that may still read "disabling".
#pragma once

#include "service/util/fd.h"

namespace gamesched::kernel {

class SchedEvents {
 public:
  SchedEvents();
  // Readable when there is something to drain(); -1 where the kernel's events cannot be heard.
  int fd() const { return socket_.get(); }
  void drain() const;

 private:
  UniqueFd socket_;
};

}  // namespace gamesched::kernel
