#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_icons.py FOLDER: draws the tray's icons, one for each state, in colour and symbolic, and the application's own.

A state is a tile with a sign cut of one shape, which no other state has: colours differ too, but nothing depends on them.
On a 22 pixel grid all lines are 2 pixels wide. The colour icon brings its own background and a light rim around
it, so that it stands out from dark, light and high-contrast panels alike; the symbolic one is all foreground, for
hosts that paint it in the theme's colour. Colours have 4.5 to 1 against the white sign (WCAG 2, level AA).
"""

import pathlib
import sys

LINE = 'fill="none" stroke="{ink}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
SOLID = 'fill="{ink}"'
BOLT = f'<path d="M12.5 4.5 6 12.5h4l-.5 5L16 9.5h-4z" {SOLID}/>'

# State: the tile's colour, the sign.
STATES = {
    "active": ("#1a7f37", BOLT),
    "standby": ("#0b62b5", f'<path d="M8.5 7v8M13.5 7v8" {LINE}/>'),
    "off": ("#5a6069", f'<path d="M11 5.5v5M7.8 7.6a5 5 0 1 0 6.4 0" {LINE}/>'),
    "degraded": ("#8f5700", f'<path d="M9.5 4.5 4 12h3.5l-.5 5.5L12.5 10H9z" {SOLID}/><path d="M16 6v5.5" {LINE}/>'
                            f'<circle cx="16" cy="15.5" r="1.3" {SOLID}/>'),
    "ejected": ("#c01c28", f'<path d="M11 5.5 5.5 12h11z" {SOLID}/><path d="M6.5 15.5h9" {LINE}/>'),
    "unsupported": ("#5a6069", f'<path d="M7 7l8 8M15 7l-8 8" {LINE}/>'),
    "conflict": ("#8a3ab9", f'<path d="M5.5 8.5h8M11 5.5l3 3-3 3M16.5 14h-7" {LINE}/>'),
    "not-running": ("#5a6069", f'<path d="M7 11h8" {LINE}/>'),
}

HEAD = ('<?xml version="1.0" encoding="UTF-8"?>\n'
        "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n"
        '<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 22 22">\n')
TAIL = "</svg>\n"


def coloured(colour, sign, size=22):
    return (HEAD.format(size=size) +
            '<rect x="1" y="1" width="20" height="20" rx="5" fill="#ffffff"/>\n'
            f'<rect x="2" y="2" width="18" height="18" rx="4" fill="{colour}"/>\n' +
            sign.format(ink="#ffffff") + "\n" + TAIL)


def symbolic(sign):
    # GTK paints whatever is filled; the frame is thin, that the sign stays the larger.
    ink = "#2e3436"
    frame = f'<rect x="1.5" y="1.5" width="19" height="19" rx="4.5" fill="none" stroke="{ink}" stroke-width="1.2"/>'
    return HEAD.format(size=16) + frame + "\n" + sign.format(ink=ink) + "\n" + TAIL


def main():
    folder = pathlib.Path(sys.argv[1])
    for state, (colour, sign) in STATES.items():
        (folder / f"gamesched-{state}.svg").write_text(coloured(colour, sign))
        (folder / f"gamesched-{state}-symbolic.svg").write_text(symbolic(sign))
    (folder / "org.gamesched.Tray.svg").write_text(coloured(*STATES["active"], size=128))


if __name__ == "__main__":
    main()
