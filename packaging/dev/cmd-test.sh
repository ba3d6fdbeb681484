# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck source=packaging/dev/cmd-lab.sh
. "$ROOT/packaging/dev/cmd-lab.sh"

HOST_SUITES="policy service bus desktop lint"

# Counts of all suites; each suite leaves "passed failed skipped" in a file.
note_result() { # NAME PASSED FAILED SKIPPED
	printf '%s %s %s %s\n' "$1" "$2" "$3" "$4" >>"$DEV/test/results"
}

host_suites() {
	local suites=() suite
	for suite in "$@"; do suites+=(--suite "$suite"); done
	say "on the host: $*"
	in_sandbox meson test -C /dev-cache/build --no-rebuild --print-errorlogs "${suites[@]}" || true
	# shellcheck disable=SC2046
	note_result host $(in_sandbox python3 -c '
import json
results = [json.loads(line)["result"] for line in open("/dev-cache/build/meson-logs/testlog.json")]
skipped = sum(r == "SKIP" for r in results)
passed = sum(r in ("OK", "EXPECTEDFAIL") for r in results)
print(passed, len(results) - passed - skipped, skipped)')
}

# One boot runs a whole suite, or the tests of it that PATTERN names; its last line is "N passed, N failed" or
# "N passed, N failed, N skipped".
lab_suite() { # SERIES SUITE PATTERN LAB-OPTION...
	local series=$1 suite=$2 pattern=$3 name=lab-$2${3:+-$3}-$1 log
	log=$DEV/test/$name.log
	shift 3
	say "in the lab: suite $suite${pattern:+, $pattern,} on kernel $series"
	# shellcheck disable=SC2086
	(cmd_lab --kernel "$series" "$@" -- lab-suite "$suite" $pattern) 2>&1 | tee "$log" | sed -u "s/^/$name: /" || true
	if ! grep -Eq '^[0-9]+ passed, [0-9]+ failed' "$log"; then
		note_result "$name" 0 1 0
		return
	fi
	# shellcheck disable=SC2046
	note_result "$name" $(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 |
		sed -E 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?.*/\1 \2 0\4/')
}

# all_at_once N COMMAND...: but no more than N of them
all_at_once() {
	local most=$1 running=0 command
	shift
	for command in "$@"; do
		if [ "$running" -ge "$most" ]; then
			wait -n
			running=$((running - 1))
		fi
		eval "$command" &
		running=$((running + 1))
	done
	wait
}

cmd_test() {
	local wanted=${*:-$HOST_SUITES lab} suite host=() lab=no series
	rm -rf "$DEV/test"
	mkdir -p "$DEV/test"
	for suite in $wanted; do
		case $suite in
		policy | service | bus | desktop | lint) host+=("$suite") ;;
		lab) lab=yes ;;
		*) die "test: no suite '$suite'; there are: $HOST_SUITES lab" ;;
		esac
	done
	need_build
	if [ ${#host[@]} -gt 0 ]; then host_suites "${host[@]}"; fi
	if [ $lab = yes ]; then
		# shellcheck disable=SC2086
		need_lab $LAB_KERNELS
		# A machine keeps one processor busy, and its clock counts instructions: two at a time disturb nobody.
		all_at_once "$(($(nproc) > 1 ? 2 : 1))" \
			"lab_suite 7.3 system ''" \
			"lab_suite 7.3 kernel '' --fast" \
			"lab_suite 6.16 kernel '' --fast" \
			"lab_suite 6.18 kernel '' --fast" \
			"lab_suite 7.3 kernel test_placement --fast --llcs 2" # needs two last-level caches
	fi
	say "results (passed, failed, skipped):"
	awk '{ printf "    %-20s %4d %4d %4d\n", $1, $2, $3, $4 }' "$DEV/test/results" >&2
	awk '{ p += $2; f += $3; s += $4 }
		END { printf "%d passed, %d failed", p, f; if (s) printf ", %d skipped", s; print ""; exit f > 0 }' "$DEV/test/results"
}
