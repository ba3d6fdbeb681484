# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck source=packaging/dev/cmd-build.sh
. "$ROOT/packaging/dev/cmd-build.sh"

# The house rules (suite lint), then clang-tidy over all C++ that is compiled.
cmd_lint() {
	need_build
	in_sandbox meson test -C /dev-cache/build --no-rebuild --print-errorlogs --suite lint
	say "clang-tidy ..."
	in_sandbox sh -c 'run-clang-tidy-19 -quiet -p /dev-cache/build "/src/(service|desktop)/.*\.cpp$" 2>/dev/null'
}
