# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck source=packaging/dev/cmd-lab.sh
. "$ROOT/packaging/dev/cmd-lab.sh"

# What needs no kernel of ours, at the speed of this machine: the row that is about a million calls.
bench_host() { # FIGURES
	in_sandbox env -C /src/tests/bus PYTHONDONTWRITEBYTECODE=1 GAMESCHEDD_FAKE=/dev-cache/build/tests/bus/gameschedd-fake \
		GAMESCHED_REGISTRATIONS=/dev-cache/build/tests/bus/registrations GAMESCHED_PAIRS="${GAMESCHED_PAIRS:-1000000}" \
		GAMESCHED_FIGURES="$1" python3 -m unittest -q test_registrations
}

join_figures() { # SHARE PART...
	GAMESCHED_SHARE=$1 in_sandbox python3 -c '
import json, sys
print(json.dumps({"figures": [row for part in sys.argv[1:] for row in json.load(open(part))["figures"]]}, indent=1))' "${@:2}"
}

# The figures are wanted on the newest and on the oldest kernel; each boots once and runs all of it.
cmd_bench() {
	local json='' kernels='7.3 6.16' share=$DEV/bench live=--no-live series failed=0 options=() parts=() host=yes
	while [ $# -gt 0 ]; do
		case $1 in
		--json)
			# Without a file: on standard output, and all else on the other.
			if [ $# -gt 1 ] && [[ $2 != -* ]]; then json=$2; shift; else json=-; exec 3>&1 1>&2; fi
			shift
			;;
		--kernel) kernels=${2:?--kernel needs a series: $LAB_KERNELS}; shift 2 ;;
		--blocks | --seconds | --audio-seconds | --rivals) options+=("$1" "${2:?$1 needs a value}"); shift 2 ;;
		-*) die "bench: unknown option '$1' (./dev bench --help)" ;;
		*)
			# Groups and scenarios: of the host's rows there is the group BUS.
			[ "$host" = yes ] && host=no
			if [[ ${1^^} = BUS ]]; then host=wanted; fi
			options+=("$1")
			shift
			;;
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
	if [ "$host" != no ]; then
		say "figures on this machine"
		GAMESCHED_SHARE=$share bench_host /share/host.json || failed=1
		if [ -f "$share/host.json" ]; then parts+=(/share/host.json); fi
		# The user's programs, on private buses.
		GAMESCHED_SHARE=$share in_sandbox python3 tests/desktop/bench.py --build /dev-cache/build --json /share/desktop.json || failed=1
		if [ -f "$share/desktop.json" ]; then parts+=(/share/desktop.json); fi
	fi
	if [ -n "$json" ] && [ ${#parts[@]} -gt 0 ]; then
		if [ "$json" = - ]; then
			join_figures "$share" "${parts[@]}" >&3
		else
			join_figures "$share" "${parts[@]}" >"$json"
			say "figures written to $json"
		fi
	fi
	return "$failed"
}
