# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck source=packaging/dev/cmd-build.sh
. "$ROOT/packaging/dev/cmd-build.sh"
# shellcheck source=packaging/dev/lab.sh
. "$ROOT/packaging/dev/lab.sh"

# Machines run side by side, and nothing is built meanwhile: their disks are not to change.
prepare_lab() {
	lock_dev --shared lab
	done_already need_lab "$@" && return 0
	lock_dev --exclusive lab
	need_lab "$@"
	lock_dev --shared lab
}

cmd_lab() {
	local series=7.3 cpus=4 llcs=1 smt=yes fast=no share=
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) series=${2:?--kernel needs a series: $LAB_KERNELS}; shift 2 ;;
		--cpus) cpus=${2:?}; shift 2 ;;
		--llcs) llcs=${2:?}; shift 2 ;;
		--no-smt) smt=no; shift ;;
		--fast) fast=yes; shift ;;
		--share)
			share=$(realpath -e "${2:?--share needs a folder}") || die "--share: no such folder: $2"
			shift 2
			;;
		--) shift; break ;;
		-*) die "lab: unknown option '$1' (./dev lab --help)" ;;
		*) break ;;
		esac
	done
	[ $# -gt 0 ] || die "lab: no command; e.g. ./dev lab -- uname -a"
	[[ $cpus =~ ^[1-9][0-9]*$ && $llcs =~ ^[1-9][0-9]*$ && $((cpus % llcs)) -eq 0 ]] || die "lab: --cpus must be a multiple of --llcs"
	prepare_lab "$series"
	run_lab "$series" "$cpus" "$llcs" "$smt" "$fast" "$share" "$@"
}
