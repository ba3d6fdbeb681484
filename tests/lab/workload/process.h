// SPDX-License-Identifier: GPL-2.0-or-later
//
// What every workload process does to itself before anything is measured.
#pragma once

#include <sys/types.h>

namespace gamesched::workload {

// Locks all memory, present and future (a page fault that waits for the disk would be counted as a
// missed frame), with thread stacks small enough for that.
void prepare_process();

// Gives the calling thread a random name: no scheduler can know its role by what it is called.
void hide_name();

// SCHED_RR or SCHED_FIFO for the calling thread; throws where that is not allowed.
void set_realtime(int policy, int priority);

// Binds a thread to the number-th of the CPUs that the calling process's main thread may use, counted round.
void bind_to_cpu(pid_t tid, unsigned number);
// Frees it again: it stays where it is until a scheduler moves it.
void unbind(pid_t tid);

// The calling child process ends with its parent, whatever ends that one.
void die_with_parent();

}  // namespace gamesched::workload
