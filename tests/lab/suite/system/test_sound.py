# SPDX-License-Identifier: GPL-2.0-or-later
"""AU-1, AU-2, AU-4: PipeWire and WirePlumber as a user's own, with a client that plays."""

import os

from lab import Driver, wait_until  # first: it knows where sound.py lies
import sound
from service import ServiceTest, audio_servers_among


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
        self.assertEqual(audio_servers_among(first), first)
        session.end(session.manager)
        session.end(session.server)
        wait_until(lambda: f"{audio_servers_among(first)} to be none any more", lambda: not audio_servers_among(first), interval_s=0.1)
        session.start_server()
        again = {session.server.pid, session.manager.pid}
        self.assertEqual(audio_servers_among(again), again)

    def test_AU2_servers_that_run_already_when_the_service_starts(self):
        session = self.session(client=False)
        self.restart()
        wait_until("the server to be known", lambda: audio_servers_among({session.server.pid}), interval_s=0.1)

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
