# SPDX-License-Identifier: GPL-2.0-or-later
"""The frame times of a run as an SVG picture: one strip a rival, a dot a frame.

All strips share both axes. The dashed line is the deadline: a dot above it is a frame
that came too late, in another colour and size so that it shows without colours, too. Frames
beyond the top are drawn as arrows at the top. Blocks stand side by side with a gap.
"""

from __future__ import annotations

import dataclasses
from xml.sax.saxutils import escape

WIDTH = 960
LEFT, RIGHT = 56, 24
HEAD = 132
STRIP, STRIP_GAP = 118, 46
FOOT = 42
BLOCK_GAP_S = 0.12
TOP_IN_PERIODS = 3.0  # a frame three refreshes late is as bad as the eye can tell

STYLE = """
  .ground { fill: #ffffff } .panel { fill: #f5f6f8 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1d232b }
  .title { font-size: 20px; font-weight: 600 } .name { font-size: 14px; font-weight: 600 }
  .soft { fill: #5c6672 } .axis { font-size: 11px; fill: #5c6672 }
  .grid { stroke: #dde1e6 } .deadline { stroke: #1d232b; stroke-dasharray: 5 4 }
  .frames { stroke: #2f6db3; stroke-width: 2.6; stroke-linecap: round; stroke-opacity: .75; fill: none }
  .late { stroke: #c8102e; stroke-width: 4.4; stroke-linecap: round; fill: none }
  .over { fill: #c8102e } .bad { fill: #c8102e; font-weight: 600 } .good { fill: #1a7f37; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .panel { fill: #161b22 } text { fill: #e6edf3 }
    .soft, .axis { fill: #9aa5b1 } .grid { stroke: #2b323b } .deadline { stroke: #e6edf3 }
    .frames { stroke: #6cb0ff } .late { stroke: #ff7b72 }
    .over, .bad { fill: #ff7b72 } .good { fill: #56d364 }
  }
"""


@dataclasses.dataclass(frozen=True)
class Frames:
    """One block: when each frame was meant to start, from the block's begin, and what it took."""

    start_ns: list[int]
    took_ns: list[int]


@dataclasses.dataclass(frozen=True)
class Strip:
    name: str
    missed: int
    note: str
    blocks: list[Frames]


@dataclasses.dataclass(frozen=True)
class Scale:
    per_second: float
    top_ms: float
    bottom_y: float

    def x(self, s: float) -> float:
        return LEFT + s * self.per_second

    def y(self, ms: float) -> float:
        return self.bottom_y - min(ms, self.top_ms) / self.top_ms * STRIP


def draw(title: str, subtitle: str, strips: list[Strip], period_ns: int, block_s: float) -> str:
    period_ms = period_ns / 1e6
    longest_ms = max((took / 1e6 for s in strips for b in s.blocks for took in b.took_ns), default=0)
    top_ms = max(1.5 * period_ms, min(longest_ms, TOP_IN_PERIODS * period_ms))
    blocks = max((len(s.blocks) for s in strips), default=1)
    total_s = blocks * block_s + (blocks - 1) * BLOCK_GAP_S
    height = HEAD + len(strips) * (STRIP + STRIP_GAP) - STRIP_GAP + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title, {chr(34): "&quot;"})}">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{LEFT}" y="34">{escape(title)}</text>',
        f'<text class="soft" x="{LEFT}" y="55">{escape(subtitle)}</text>',
    ]
    for number, strip in enumerate(strips):
        top_y = HEAD + number * (STRIP + STRIP_GAP)
        scale = Scale((WIDTH - LEFT - RIGHT) / total_s, top_ms, top_y + STRIP)
        parts += _strip(strip, scale, period_ms, block_s)
    parts += _legend(height, period_ms)
    return "\n".join([*parts, "</svg>", ""])


def _strip(strip: Strip, scale: Scale, period_ms: float, block_s: float) -> list[str]:
    name_y = scale.bottom_y - STRIP - 10
    verdict = "good" if strip.missed == 0 else "bad"
    parts = [
        f'<text class="name" x="{LEFT}" y="{name_y}">{escape(strip.name)}</text>',
        f'<text class="{verdict}" x="{WIDTH - RIGHT}" y="{name_y}" text-anchor="end">'
        f'{strip.missed} missed · {escape(strip.note)}</text>',
    ]
    in_time, late, over = [], [], []
    for number, block in enumerate(strip.blocks):
        begin_s = number * (block_s + BLOCK_GAP_S)
        parts += _panel(scale, scale.x(begin_s), scale.x(begin_s + block_s))
        for start_ns, took_ns in zip(block.start_ns, block.took_ns):
            x, y = scale.x(begin_s + start_ns / 1e9), scale.y(took_ns / 1e6)
            if took_ns / 1e6 > scale.top_ms:
                over.append(f"M{x:.1f} {y:.1f}l-3.5 6h7z")
            else:
                (late if took_ns / 1e6 > period_ms else in_time).append(f"M{x:.1f} {y:.1f}h0")
    parts += [f'<text class="axis" x="{LEFT - 8}" y="{scale.y(ms) + 4:.1f}" text-anchor="end">{ms:g}</text>'
              for ms in _ticks(scale.top_ms)]
    deadline_y = scale.y(period_ms)
    parts.append(f'<line class="deadline" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
                 f'y1="{deadline_y:.1f}" y2="{deadline_y:.1f}"/>')
    for css, path in (("frames", in_time), ("late", late), ("over", over)):
        if path:
            parts.append(f'<path class="{css}" d="{"".join(path)}"/>')
    return parts


def _panel(scale: Scale, left: float, right: float) -> list[str]:
    top_y = scale.bottom_y - STRIP
    lines = "".join(f"M{left:.1f} {scale.y(ms):.1f}H{right:.1f}" for ms in _ticks(scale.top_ms))
    return [f'<rect class="panel" x="{left:.1f}" y="{top_y}" width="{right - left:.1f}" height="{STRIP}"/>',
            f'<path class="grid" d="{lines}"/>']


def _ticks(top_ms: float) -> list[float]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 1000) if top_ms / s <= 5)
    return [step * i for i in range(int(top_ms / step) + 1)]


def _legend(height: float, period_ms: float) -> list[str]:
    y = 84
    in_time, late, over, deadline = LEFT, LEFT + 130, LEFT + 196, LEFT + 410
    return [
        f'<path class="frames" d="M{in_time + 4} {y - 4}h0"/>'
        f'<text class="soft" x="{in_time + 14}" y="{y}">frame in time</text>',
        f'<path class="late" d="M{late + 4} {y - 4}h0"/>'
        f'<text class="soft" x="{late + 14}" y="{y}">late</text>',
        f'<path class="over" d="M{over + 4} {y - 8}l-3.5 6h7z"/>'
        f'<text class="soft" x="{over + 14}" y="{y}">later than the scale shows</text>',
        f'<path class="deadline" d="M{deadline} {y - 4}h28"/>'
        f'<text class="soft" x="{deadline + 36}" y="{y}">'
        f"deadline: the next refresh, {period_ms:.1f} ms</text>",
        f'<text class="axis" x="{LEFT}" y="{height - 16}">Frame time in ms, from the intended start of a '
        "frame to its end, over time. The schedulers took turns, block by block.</text>",
    ]
