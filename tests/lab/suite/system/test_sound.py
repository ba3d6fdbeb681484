# SPDX-License-Identifier: GPL-2.0-or-later
"""AU-1, AU-2, AU-4: PipeWire and WirePlumber as a user's own, with a client that plays."""

import json
import os
import sys

from lab import PROGRAMS, Driver, wait_until
from service import ServiceTest, run

sys.path.append(str(PROGRAMS))
import sound  # noqa: E402, beside the bench, which uses it too


def audio_servers():
    """The processes in the service's map."""
    entries = json.loads(run("bpftool", "-j", "map", "dump", "name", "audio_servers").stdout)
    return {int.from_bytes(bytes(int(byte, 16) for byte in entry["key"]), "little") for entry in entries}


def threads_of(process):
    return [int(tid) for tid in os.listdir(f"/proc/{process.pid}/task")]


class Sound(ServiceTest):
    def session(self, **options):
        session = sound.Session(**options)
        self.addCleanup(session.__exit__)
        return session.__enter__()

    def test_AU2_servers_are_known_when_they_start_and_restart(self):
        session = self.session(client=False)
        first = {session.server.pid, session.manager.pid}
        self.assertLessEqual(first, audio_servers())
        session.end(session.manager)
        session.end(session.server)
        wait_until(lambda: f"none of {first} in {audio_servers()}", lambda: not first & audio_servers(), interval_s=0.1)
        session.start_server()
        self.assertLessEqual({session.server.pid, session.manager.pid}, audio_servers())

    def test_AU2_servers_that_run_already_when_the_service_starts(self):
        session = self.session(client=False)
        self.restart()
        wait_until(lambda: f"{session.server.pid} in {audio_servers()}", lambda: session.server.pid in audio_servers(),
                   interval_s=0.1)

    def test_AU4_a_client_is_audio_by_the_cycle_that_it_takes_part_in(self):
        driver = Driver()
        self.addCleanup(driver.close)
        driver.ask("filter", "pipewire=8,wireplumber=8", "/usr/bin/=2")
        session = self.session()
        self.assertLessEqual({session.server.pid, session.manager.pid}, set(driver.ask("audio")))
        for process in (session.server, session.player):
            periods = {}

            def audio_thread():
                for tid in threads_of(process):
                    periods[tid] = (driver.ask("signals", tid) or {}).get("audio_period", 0)
                return any(periods.values())

            wait_until(lambda: f"an audio thread of {process.args[0]} among {periods}", audio_thread, interval_s=0.1)
