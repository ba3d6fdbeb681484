# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck source=packaging/dev/cmd-build.sh
. "$ROOT/packaging/dev/cmd-build.sh"

# The house rules (suite lint), then clang-tidy over all C++ that is compiled, or some files of it.
cmd_lint() {
	local file files=()
	for file in "$@"; do
		case $file in
		service/*.cpp | desktop/*.cpp) [ -f "$ROOT/$file" ] || die "there is no $file" ;;
		*) die "clang-tidy looks at service/*.cpp and desktop/*.cpp, as seen from the top; $file is none" ;;
		esac
		files+=("/src/$file\$")
	done
	[ $# -gt 0 ] || files=('/src/(service|desktop)/.*\.cpp$')
	need_build
	in_sandbox meson test -C /dev-cache/build --no-rebuild --print-errorlogs --suite lint
	say "clang-tidy over ${*:-all of service/ and desktop/} ..."
	in_sandbox run-clang-tidy-19 -quiet -p /dev-cache/build "${files[@]}" 2>/dev/null
}
