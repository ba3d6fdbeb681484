# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The lab: a virtual machine with a real kernel, systemd, bus and polkit.
#
# Three disks, each a step of its own, so that a change of the product rebuilds
# only a small one:
#   root     the sandbox tree as ext4, the same for all kernels
#   modules  one kernel's modules (and its initrd, vmlinuz beside it)
#   product  the installed product and the lab's own files, copied over the root at boot
#
# The machine runs under software emulation with an instruction clock
# (-icount shift=2: 4 ns an instruction), so times in the guest are counts of
# instructions and do not depend on the host. One emulation thread only: with
# several, QEMU runs stale code of patched static keys and the guest panics when
# sched_ext is attached.
#
# COMMAND travels in a folder shared by 9p, which also brings back its exit
# status; its output comes over two virtio ports.

# What `--kernel SERIES` means: the newest Debian kernel of that series.
LAB_KERNELS="6.16 6.18 7.3"

kernel_release() {
	case $1 in
	6.16) echo 6.16.12+deb13-amd64 ;;
	6.18) echo 6.18.15+deb13-amd64 ;;
	7.3) echo 7.3.4+deb13-amd64 ;;
	*) die "unknown kernel '$1'; the lab has: $LAB_KERNELS" ;;
	esac
}

make_kernel() {
	local release=$1 dir=/dev-cache/kernels/$1
	rm -rf "$DEV/kernels/$release"
	mkdir -p "$DEV/kernels/$release"
	in_sandbox bash /src/packaging/dev/make-kernel.sh "$release" "$dir"
}

make_root_image() {
	mkdir -p "$DEV/images"
	local megabytes=$(($(unshared du -sm "$SANDBOX" | cut -f1) * 23 / 20 + 256))
	rm -f "$DEV/images/root.ext4"
	in_sandbox mke2fs -q -t ext4 -O ^has_journal -m 0 -d /dev-cache/sandbox /dev-cache/images/root.ext4 ${megabytes}M
}

make_product_image() {
	mkdir -p "$DEV/images"
	in_sandbox bash /src/packaging/dev/make-product.sh /dev-cache/install /src/packaging/dev/guest /dev-cache/images/product.ext4
}

need_lab() { # SERIES...
	local release series
	need_build
	step root-image "$({ cat "$DEV/stamps/sandbox"; declare -f make_root_image; } | key_of)" make_root_image
	for series in "$@"; do
		release=$(kernel_release "$series") || exit 1
		step "kernel-$series" "$({ echo "$release"; cat "$DEV/stamps/sandbox" "$ROOT/packaging/dev/make-kernel.sh" "$ROOT/packaging/dev/guest/initrd-init"; } | key_of)" \
			make_kernel "$release"
	done
	step product-image "$({ cat "$DEV/stamps/build" "$ROOT/packaging/dev/make-product.sh"; find "$ROOT/packaging/dev/guest" -type f -exec cat {} +; } | key_of)" \
		make_product_image
}

# run_lab SERIES CPUS LLCS SMT FAST SHARE COMMAND...: after need_lab SERIES
run_lab() {
	local series=$1 cpus=$2 llcs=$3 smt=$4 fast=$5 share=$6 run status=125
	shift 6
	run=$(mktemp -d "$DEV/run/lab.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$run'" EXIT
	printf '%q ' "$@" >"$run/command"
	echo >>"$run/command"
	GAMESCHED_SHARE=$share in_sandbox bash /src/packaging/dev/machine.sh "$(kernel_release "$series")" \
		"$cpus" "$llcs" "$smt" "$fast" "/dev-cache/run/${run##*/}" </dev/null || true
	if [ -s "$run/status" ]; then
		status=$(cat "$run/status")
	else
		say "the lab machine stopped without a result; its console's end:"
		tail -n 30 "$run/console" >&2 || true
		cp "$run/console" "$DEV/log/lab-console.log"
	fi
	return "$status"
}
