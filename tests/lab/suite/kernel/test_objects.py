# SPDX-License-Identifier: GPL-2.0-or-later
"""The BPF objects on this kernel: does the verifier take them, and at what price."""

import os
import pathlib

from backend import BackendTest

# All of them attach by themselves; those of the scheduler belong to sched_ext_ops.
PROGRAMS = {
    "process_fork", "process_exec", "process_exit", "input_event_hook", "input_device_gone",
    "count_lanes", "gpu_ioctl", "gpu_ioctl_compat", "fence_wait", "thread_renamed",
    "audio_ioctl", "audio_ioctl_compat", "audio_wakes", "audio_woken", "audio_requested",
    "net_sends", "net_sends6", "net_received", "net_received6",
    "gamesched_select_cpu", "gamesched_enqueue", "gamesched_dispatch", "gamesched_running", "gamesched_stopping",
    "gamesched_init_task", "gamesched_disable", "gamesched_cpu_online", "gamesched_cpu_offline", "gamesched_cpu_release",
    "gamesched_init", "gamesched_exit", "gamesched_thread_exits", "gamesched_work_queued", "gamesched_lock_contended",
}


class Objects(BackendTest):
    def test_the_verifier_takes_every_program(self):
        support = self.driver.ask("support")
        self.assertEqual(support["reason"], "")
        self.assertTrue(support["available"])
        programs = support["programs"]
        print(f"      verified instructions on {os.uname().release}:")
        for name, instructions in sorted(programs.items()):
            print(f"        {instructions:8}  {name}")
        print(f"        {sum(programs.values()):8}  all", flush=True)
        self.assertEqual(set(programs), PROGRAMS)
        self.assertTrue(all(programs.values()))

    def test_every_detector_attaches(self):
        self.assertEqual(self.driver.ask("support")["detectors"],
                         dict.fromkeys(["process", "input", "gpu", "fence", "names", "audio", "network"], ""))

    def test_nothing_is_pinned(self):
        pinned = [path for path in pathlib.Path("/sys/fs/bpf").rglob("*") if path.is_file()]
        self.assertEqual(pinned, [])
