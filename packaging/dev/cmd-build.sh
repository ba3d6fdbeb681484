# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Builds in .dev/build and installs into .dev/install (DESTDIR). Ninja knows
# what to redo; the stamp covers only the configuration.

configure_build() {
	in_sandbox meson setup --wipe /dev-cache/build /src --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
		--buildtype=debugoptimized -Dtests=enabled
}

compile_build() {
	in_sandbox meson compile -C /dev-cache/build
	in_sandbox env DESTDIR=/dev-cache/install meson install -C /dev-cache/build --no-rebuild --quiet
}

need_build() {
	need_sandbox
	mkdir -p "$DEV/build"
	step configure "$({ cat "$DEV/stamps/sandbox"; cat "$ROOT/meson.options"; declare -f configure_build; } | key_of)" configure_build
	step build "$({ sources_state; cat "$DEV/stamps/configure"; } | key_of)" compile_build
}

# Names, sizes and times of all sources: cheap, and a second run of anything starts at once.
sources_state() {
	find "$ROOT" -path "$ROOT/.git" -prune -o -path "$DEV" -prune -o -path "$ROOT/.dev" -prune -o -type f \
		! -name '*.md' -printf '%P %s %T@\n' | sort
}

cmd_build() { need_build; }
