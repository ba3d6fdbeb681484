# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck source=packaging/dev/cmd-lab.sh
. "$ROOT/packaging/dev/cmd-lab.sh"

cmd_demo() {
	local json='' svg=$DEV/demo/demo.svg share=$DEV/demo live=--no-live status=0
	while [ $# -gt 0 ]; do
		case $1 in
		--json) json=${2:?--json needs a file}; shift 2 ;;
		--svg) svg=${2:?--svg needs a file}; shift 2 ;;
		*) die "demo: unknown argument '$1' (./dev demo --help)" ;;
		esac
	done
	[ -t 1 ] && live=--live
	rm -rf "$share"
	mkdir -p "$share"
	need_lab 7.3
	say "starting the lab machine (about a minute), then nine blocks of a game under load"
	cmd_lab --share "$share" -- demo "$live" --json /mnt/share/demo.json --svg /mnt/share/demo.svg || status=$?
	if [ "$status" -eq 0 ]; then
		[ -z "$json" ] || cp "$share/demo.json" "$json"
		[ "$svg" = "$share/demo.svg" ] || cp "$share/demo.svg" "$svg"
		say "a picture of the frame times: $svg"
	fi
	return "$status"
}
