# SPDX-License-Identifier: GPL-2.0-or-later
"""A real desktop: an X server without a screen, and Xfce's panel with its tray."""

import ctypes
import os
import pathlib
import shutil
import subprocess

from harness import wait_for
from tray import TrayTest

ICONS = pathlib.Path(os.environ["GAMESCHED_ICONS"])
XFCONFD = pathlib.Path("/usr/lib/x86_64-linux-gnu/xfce4/xfconf/xfconfd")
PROGRAMS = ("Xvfb", "xfce4-panel", "xdotool", "import")
WIDTH, HEIGHT = 640, 480
PANEL_PIXELS = 30
ICON_PIXELS = 22
# The tile without its rounded rim: what lies there is the icon's alone, whatever the panel's colour.
INNER = range(4, ICON_PIXELS - 4)

PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="false"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="30"/>
      <property name="icon-size" type="uint" value="22"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="icon-size" type="int" value="22"/>
    </property>
  </property>
</channel>
"""


def missing():
    names = [name for name in PROGRAMS if not shutil.which(name)]
    return names + ([] if XFCONFD.exists() else [XFCONFD.name])


class Picture:
    """Rows of RGB pixels."""

    def __init__(self, width, height, data, pixel_bytes=3, stride=None):
        stride = stride or width * pixel_bytes
        self.width, self.height = width, height
        self.rows = [[tuple(data[y * stride + x * pixel_bytes:y * stride + x * pixel_bytes + 3]) for x in range(width)]
                     for y in range(height)]

    def find(self, other):
        """Where `other`'s inner part is to be seen, (x, y) of its corner, else None."""
        first = other.rows[INNER[0]][INNER[0]]
        for y in range(self.height - other.height):
            row = self.rows[y + INNER[0]]
            for x in range(self.width - other.width):
                if near(row[x + INNER[0]], first) and all(
                        near(self.rows[y + dy][x + dx], other.rows[dy][dx]) for dy in INNER for dx in INNER):
                    return x, y
        return None

    def different(self, other):
        """How many pixels."""
        return sum(a != b for mine, theirs in zip(self.rows, other.rows) for a, b in zip(mine, theirs))


def near(one, other):
    """The panel may paint by another path of its libraries: as good as equal."""
    return all(abs(a - b) <= 24 for a, b in zip(one, other))


def drawn(icon):
    """An icon as GTK draws it."""
    pixbuf = ctypes.CDLL("libgdk_pixbuf-2.0.so.0")
    for function, result in (("new_from_file_at_size", ctypes.c_void_p), ("get_pixels", ctypes.c_void_p),
                             ("get_rowstride", ctypes.c_int), ("get_n_channels", ctypes.c_int)):
        getattr(pixbuf, f"gdk_pixbuf_{function}").restype = result
    image = pixbuf.gdk_pixbuf_new_from_file_at_size(str(ICONS / f"{icon}.svg").encode(), ICON_PIXELS, ICON_PIXELS, None)
    if not image:
        raise AssertionError(f"{icon}.svg cannot be drawn")
    image = ctypes.c_void_p(image)
    stride = pixbuf.gdk_pixbuf_get_rowstride(image)
    channels = pixbuf.gdk_pixbuf_get_n_channels(image)
    # The last row may end with its last pixel.
    size = stride * (ICON_PIXELS - 1) + ICON_PIXELS * channels
    return Picture(ICON_PIXELS, ICON_PIXELS, ctypes.string_at(pixbuf.gdk_pixbuf_get_pixels(image), size), channels, stride)


class PanelTest(TrayTest):
    def start_panel(self, theme="Adwaita", locale=None):
        self.install_icons()
        config = self.folder / "config/xfce4/xfconf/xfce-perchannel-xml"
        config.mkdir(parents=True, exist_ok=True)
        (config / "xfce4-panel.xml").write_text(PANEL)
        self.env |= {"XDG_CONFIG_HOME": str(self.folder / "config"), "XDG_CACHE_HOME": str(self.folder / "cache"),
                     "XDG_DATA_DIRS": f"{self.folder}/share:/usr/share", "HOME": str(self.folder), "GTK_THEME": theme,
                     "GSETTINGS_BACKEND": "memory", "NO_AT_BRIDGE": "1", "GDK_BACKEND": "x11", **(locale or {})}
        self.start_x()
        self.start_quiet(XFCONFD)
        wait_for(lambda: self.owner("org.xfce.Xfconf"), "xfconfd")
        return self.start_panel_program()

    def start_panel_program(self):
        panel = self.start_quiet("xfce4-panel", "--disable-wm-check")
        wait_for(lambda: self.owner("org.kde.StatusNotifierWatcher"), "the panel's tray")
        return panel

    def install_icons(self):
        theme = self.folder / "share/icons/hicolor"
        for kind in ("scalable", "symbolic"):
            (theme / kind / "apps").mkdir(parents=True, exist_ok=True)
        shutil.copy("/usr/share/icons/hicolor/index.theme", theme)
        for icon in ICONS.glob("*.svg"):
            shutil.copy(icon, theme / ("symbolic" if "symbolic" in icon.name else "scalable") / "apps")

    def start_x(self):
        read, write = os.pipe()
        # By default it starts anew when its last client has left, and the next one may find nobody.
        self.start_quiet("Xvfb", "-displayfd", write, "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", "-noreset",
                         pass_fds=[write])
        os.close(write)
        with open(read, encoding="ascii") as number:
            self.env["DISPLAY"] = f":{number.readline().strip()}"

    def start_quiet(self, *command, **options):
        with (self.folder / "noise").open("a") as noise:
            process = subprocess.Popen([str(word) for word in command], env=self.env, stdout=noise, stderr=noise, **options)
        self.addCleanup(self.end, process)
        return process

    def x(self, *words):
        done = self.execute("xdotool", *words)
        self.assertEqual(done.returncode, 0, done.stderr)

    def picture(self, width=WIDTH, height=HEIGHT):
        """Of the screen from its corner."""
        file = self.folder / "screen.rgb"
        done = self.execute("import", "-window", "root", "-depth", "8", "-crop", f"{width}x{height}+0+0", f"rgb:{file}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return Picture(width, height, file.read_bytes())

    def panel(self):
        return self.picture(2 * PANEL_PIXELS, PANEL_PIXELS)

    def wait_for_picture_of(self, icon):
        """Where it is in the panel."""
        wanted, place = drawn(icon), []

        def there():
            place[:] = [self.panel().find(wanted)]
            return place[0] is not None

        wait_for(there, f"{icon} on the screen")
        return place[0]

    def keep(self, name, width, height):
        """A part of the screen for docs/, where GAMESCHED_PICTURES asks for it."""
        if folder := os.environ.get("GAMESCHED_PICTURES"):
            done = self.execute("import", "-window", "root", "-crop", f"{width}x{height}+0+0", "+repage", "-strip", "+dither", "-colors",
                                "64", f"{folder}/{name}.png")
            self.assertEqual(done.returncode, 0, done.stderr)

    def keep_row(self, name, parts):
        if folder := os.environ.get("GAMESCHED_PICTURES"):
            files = [f"{folder}/{part}.png" for part in parts]
            done = self.execute("convert", *files, "+append", "-strip", f"{folder}/{name}.png")
            self.assertEqual(done.returncode, 0, done.stderr)
            for file in files:
                pathlib.Path(file).unlink()
