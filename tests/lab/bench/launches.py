# SPDX-License-Identifier: GPL-2.0-or-later
"""launches.py COUNT INTERVAL_S COMMAND...: runs the commands in turn, COUNT times each, and prints how long each run took, as
JSON: {COMMAND: [ns, ...]}. A small process of its own, so that it can be a user's, and its forks cost little."""

import json
import subprocess
import sys
import time

LOGIN_S = 20  # until what a login starts (PipeWire, modules of the kernel) is over


def main():
    count, interval_s, *commands = int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]
    took_ns = {command: [] for command in commands}
    time.sleep(LOGIN_S)
    for number in range(count):
        for command in commands[:: 1 if number % 2 == 0 else -1]:
            time.sleep(interval_s)
            begin_ns = time.monotonic_ns()
            done = subprocess.run(command.split(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            took_ns[command].append(time.monotonic_ns() - begin_ns)
            if done.returncode != 0 or done.stderr:
                sys.exit(f"{command}: {done.returncode}: {done.stderr.strip()}")
    print(json.dumps(took_ns))


if __name__ == "__main__":
    main()
