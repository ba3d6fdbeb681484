# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Steps, stamps and the sandbox.
#
# A step has a name and a key: the hash of all it depends on. It runs when the
# key differs from the one its last success left in .dev/stamps. Its output
# goes to .dev/log/NAME.log; only progress and failures reach the terminal.
#
# The sandbox is a Debian 13 tree made by mmdebstrap. Commands run in it by
# chroot, inside mount and pid namespaces of their own; without root, inside a
# user namespace too, so nothing here needs privileges beyond those.

DEV=${GAMESCHED_DEV_DIR:-$ROOT/.dev}
SANDBOX=$DEV/sandbox

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() {
	printf 'dev: %s\n' "$*" >&2
	exit 1
}

key_of() { sha256sum | cut -c1-16; }

# One command works in a .dev at a time; a second one says whom it waits for. The lock is the file's, so it ends
# with the last process that works for the command, however that ends. A command run by another one is part of it.
# Who only reads takes --shared; --exclusive and --shared may follow each other.
LOCK_FD=
lock_dev() { # --exclusive|--shared COMMAND
	[ -z "$LOCK_FD" ] && [ "${GAMESCHED_DEV_LOCKED:-}" = "$DEV" ] && return 0
	mkdir -p "$DEV/stamps" "$DEV/log" "$DEV/run"
	[ -n "$LOCK_FD" ] || exec {LOCK_FD}<>"$DEV/lock"
	if ! flock --nonblock "$1" "$LOCK_FD"; then
		say "waiting for another command in $DEV: $(head -n 1 "$DEV/lock")"
		flock "$1" "$LOCK_FD"
	fi
	echo "./dev $2 (process $$)" >"$DEV/lock"
	export GAMESCHED_DEV_LOCKED=$DEV
}

release_lock() {
	[ -n "$LOCK_FD" ] || return 0
	exec {LOCK_FD}>&-
	LOCK_FD=
	unset GAMESCHED_DEV_LOCKED
}

# done_already FUNCTION [ARGUMENT...]: whether it would find nothing to do
done_already() { (STEPS=look && "$@"); }
STEPS=run

# step NAME KEY FUNCTION [ARGUMENT...]
step() {
	local name=$1 key=$2 stamp=$DEV/stamps/$1 log=$DEV/log/$1.log start=$SECONDS
	shift 2
	[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ] && return 0
	if [ "$STEPS" = look ]; then exit 1; fi
	say "$name ..."
	rm -f "$stamp"
	local failed=0
	# A subshell of its own, not an operand of ||: errexit must hold inside the step.
	set +e
	(
		set -e
		"$@"
	) >"$log" 2>&1 </dev/null
	failed=$?
	set -e
	if [ "$failed" -ne 0 ]; then
		tail -n 40 "$log" >&2
		die "step '$name' failed (exit status $failed); the whole log is $log. Mend the cause and repeat: ./dev $DEV_COMMAND"
	fi
	echo "$key" >"$stamp"
	say "$name: done in $((SECONDS - start)) s"
}

DEV_COMMAND="${*:-}"

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo "$@"; else return 1; fi
}

# unshared COMMAND...: the namespaces in which a tree's files belong to uid 0
unshared() {
	if [ "$(id -u)" -eq 0 ]; then
		unshare --mount --pid --fork --kill-child --propagation private "$@"
	else
		unshare --user --map-auto --map-root-user --mount --pid --fork --kill-child --propagation private "$@"
	fi
}

require_host_tools() {
	local missing=()
	command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
	command -v unshare >/dev/null || missing+=(util-linux)
	[ "$(id -u)" -eq 0 ] || command -v newuidmap >/dev/null || missing+=(uidmap)
	[ ${#missing[@]} -eq 0 ] && return 0
	command -v apt-get >/dev/null ||
		die "install ${missing[*]} with your package manager, then repeat ./dev $DEV_COMMAND"
	say "installing on this host: ${missing[*]}"
	{ as_root apt-get update && as_root apt-get install -y --no-install-recommends "${missing[@]}"; } \
		>"$DEV/log/host-tools.log" 2>&1 ||
		die "cannot install ${missing[*]} (log: $DEV/log/host-tools.log). Run: sudo apt-get install ${missing[*]}"
}

# The Debian archive this host is set up for, so that a mirror or a cache is used here too.
debian_mirror() {
	apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		awk -F'|' '$1 == "Debian" && $2 !~ /security|updates|backports/ { print $3; exit }'
}

packages() { sed 's/#.*//' "$ROOT/packaging/dev/packages.txt" | tr -s ' \n' ','; }

make_sandbox() {
	local mirror include mode=root
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || die "found no Debian archive in this host's apt configuration; set one up (apt-get update must work)"
	include=$(packages)
	[ "$(id -u)" -eq 0 ] || mode=unshare
	remove_tree "$SANDBOX"
	mmdebstrap --mode=$mode --variant=minbase --include="$include" \
		--aptopt='Apt::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--skip=cleanup/apt/lists --format=directory trixie "$SANDBOX" \
		"deb $mirror trixie main" "deb $mirror trixie-updates main" "deb $mirror trixie-backports main"
}

# Without root it is made as the root of the user namespace in which it is used: mmdebstrap's own one maps other ids,
# and what belongs to its root would belong to somebody else in the lab, where set-user-id programs take that seriously.
make_sandbox_as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		make_sandbox
	else
		unshared env ROOT="$ROOT" GAMESCHED_DEV_DIR="$DEV" bash -euo pipefail -c '. "$0" && make_sandbox' "$ROOT/packaging/dev/common.sh"
	fi
}

remove_tree() {
	[ -e "$1" ] || return 0
	if [ "$(id -u)" -eq 0 ]; then rm -rf --one-file-system "$1"; else unshared rm -rf --one-file-system "$1"; fi
}

need_sandbox() {
	if [ ! -f "$DEV/stamps/sandbox" ] && [ "$STEPS" = run ]; then require_host_tools; fi
	step sandbox "$({ packages; declare -f make_sandbox; } | key_of)" make_sandbox_as_root
}

# in_sandbox COMMAND...: sources at /src, .dev at /dev-cache, working directory /src.
# GAMESCHED_SHARE, where set, is at /share.
in_sandbox() {
	mkdir -p "$DEV/ccache"
	unshared bash "$ROOT/packaging/dev/enter.sh" "$SANDBOX" "$ROOT" "$DEV" "${GAMESCHED_SHARE:-}" "$@"
}
