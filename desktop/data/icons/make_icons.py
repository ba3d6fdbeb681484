#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_icons.py FOLDER: draws the tray's icons, one for each state, in colour and symbolic, and the application's own.

A state is a tile with a sign of one shape, which no other state has: colours differ too, but nothing depends on them.
On a 22 pixel grid the thinnest line of a sign is 2 pixels wide. The colour icon brings its own background and a light
rim around it, so that it stands out from dark, light and high-contrast panels alike; its sign has 4.5 to 1 against the
tile (WCAG 2, level AA). The symbolic one is for hosts that paint in the theme's colour: they set the fill of whatever
is there, so all is drawn by filled shapes and nothing by lines.
"""

import pathlib
import sys

BOLT = '<path d="M12.5 4.5 6 12.5h4l-.5 5L16 9.5h-4z"/>'

# State: the tile's colour, the sign.
STATES = {
    "active": ("#1a7f37", BOLT),
    "standby": ("#0b62b5", '<rect x="7.5" y="6" width="2" height="10" rx="1"/><rect x="12.5" y="6" width="2" height="10" rx="1"/>'),
    "off": ("#5a6069", '<rect x="10" y="4.5" width="2" height="6.5" rx="1"/>'
                       '<path d="M6.4 7.74A6 6 0 1 0 15.6 7.74L14.06 9.03A4 4 0 1 1 7.94 9.03z"/>'),
    "degraded": ("#8f5700", '<path d="M9.5 4.5 4 12h3.5l-.5 5.5L12.5 10H9z"/><rect x="15" y="5" width="2" height="7.5" rx="1"/>'
                            '<circle cx="16" cy="15.5" r="1.3"/>'),
    "ejected": ("#c01c28", '<path d="M11 5 5 12.5h12z"/><rect x="5.5" y="14.5" width="11" height="2" rx="1"/>'),
    "unsupported": ("#5a6069", '<rect x="5" y="10" width="12" height="2" rx="1" transform="rotate(45 11 11)"/>'
                               '<rect x="5" y="10" width="12" height="2" rx="1" transform="rotate(-45 11 11)"/>'),
    "conflict": ("#8a3ab9", '<path d="M4.5 6.5H12V4l5 3.5L12 11V8.5H4.5z"/><path d="M17.5 13.5H10V11l-5 3.5 5 3.5v-2.5h7.5z"/>'),
    "not-running": ("#5a6069", '<rect x="6.5" y="10" width="9" height="2" rx="1"/>'),
}

HEAD = ('<?xml version="1.0" encoding="UTF-8"?>\n'
        "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n"
        '<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 22 22">\n')
TAIL = "</svg>\n"

# A ring: what is painted must stay a frame.
FRAME = ('<path fill-rule="evenodd" d="M6 1h10a5 5 0 0 1 5 5v10a5 5 0 0 1-5 5H6a5 5 0 0 1-5-5V6a5 5 0 0 1 5-5z'
         'M6 2.2A3.8 3.8 0 0 0 2.2 6v10A3.8 3.8 0 0 0 6 19.8h10a3.8 3.8 0 0 0 3.8-3.8V6A3.8 3.8 0 0 0 16 2.2z"/>')


def coloured(colour, sign, size=22):
    return (HEAD.format(size=size) +
            '<rect x="1" y="1" width="20" height="20" rx="5" fill="#ffffff"/>\n'
            f'<rect x="2" y="2" width="18" height="18" rx="4" fill="{colour}"/>\n'
            f'<g fill="#ffffff">{sign}</g>\n' + TAIL)


def symbolic(sign):
    return HEAD.format(size=16) + f'<g fill="#2e3436">{FRAME}{sign}</g>\n' + TAIL


def main():
    folder = pathlib.Path(sys.argv[1])
    for state, (colour, sign) in STATES.items():
        (folder / f"gamesched-{state}.svg").write_text(coloured(colour, sign))
        (folder / f"gamesched-{state}-symbolic.svg").write_text(symbolic(sign))
    (folder / "org.gamesched.Tray.svg").write_text(coloured(*STATES["active"], size=128))


if __name__ == "__main__":
    main()
