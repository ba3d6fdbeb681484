// SPDX-License-Identifier: GPL-2.0-or-later
//
// What every workload process does to itself before anything is measured.
#pragma once

namespace gamesched::workload {

// Locks all memory, present and future (a page fault that waits for the disk would be counted as a
// missed frame), with thread stacks small enough for that.
void prepare_process();

// Gives the calling thread a random name: no scheduler can know its role by what it is called.
void hide_name();

// SCHED_RR or SCHED_FIFO for the calling thread; throws where that is not allowed.
void set_realtime(int policy, int priority);

// The calling child process ends with its parent, whatever ends that one.
void die_with_parent();

}  // namespace gamesched::workload
