# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck source=packaging/dev/cmd-lab.sh
. "$ROOT/packaging/dev/cmd-lab.sh"

# The figures are wanted on the newest and on the oldest kernel; each boots once and runs all of it.
cmd_bench() {
	local json='' kernels='7.3 6.16' share=$DEV/bench live=--no-live series failed=0 options=() parts=()
	while [ $# -gt 0 ]; do
		case $1 in
		--json) json=${2:?--json needs a file}; shift 2 ;;
		--kernel) kernels=${2:?--kernel needs a series: $LAB_KERNELS}; shift 2 ;;
		--blocks | --seconds | --rivals) options+=("$1" "${2:?$1 needs a value}"); shift 2 ;;
		-*) die "bench: unknown option '$1' (./dev help)" ;;
		*) options+=("$1"); shift ;;
		esac
	done
	[ -t 1 ] && live=--live
	rm -rf "$share"
	mkdir -p "$share"
	# shellcheck disable=SC2086
	need_lab $kernels
	for series in $kernels; do
		say "figures on kernel $series"
		(cmd_lab --kernel "$series" --share "$share" -- bench "$live" --json "/mnt/share/$series.json" "${options[@]}") || failed=1
		if [ -f "$share/$series.json" ]; then parts+=("/share/$series.json"); fi
	done
	if [ -n "$json" ] && [ ${#parts[@]} -gt 0 ]; then
		GAMESCHED_SHARE=$share in_sandbox python3 -c '
import json, sys
print(json.dumps({"figures": [row for part in sys.argv[1:] for row in json.load(open(part))["figures"]]}, indent=1))' \
			"${parts[@]}" >"$json"
		say "figures written to $json"
	fi
	return "$failed"
}
