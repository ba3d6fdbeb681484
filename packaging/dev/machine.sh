# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# machine.sh RELEASE CPUS LLCS SMT FAST RUN: one lab machine, in the sandbox, until it powers off.
set -euo pipefail
release=$1 cpus=$2 llcs=$3 smt=$4 fast=$5 run=$6
kernel=/dev-cache/kernels/$release
threads=1
if [ "$smt" = yes ] && [ $((cpus % (2 * llcs))) -eq 0 ]; then threads=2; fi
topology="$cpus,sockets=$llcs,cores=$((cpus / llcs / threads)),threads=$threads"
append="console=ttyS0 quiet loglevel=4 panic=-1 root=/dev/vda mitigations=off audit=0 systemd.show_status=no
	systemd.journald.forward_to_console=no systemd.default_timeout_start_sec=600 random.trust_cpu=on nokaslr"
[ "$fast" = yes ] && append+=" lab.init=/usr/libexec/gamesched-lab/fast-init"
share=()
if mountpoint -q /share; then
	share=(-virtfs "local,path=/share,mount_tag=share,security_model=none,multidevs=remap")
fi
# shellcheck disable=SC2086
machine() {
	qemu-system-x86_64 -nodefaults -no-user-config -machine q35 -cpu max,vendor=GenuineIntel,l3-cache=on -accel tcg,thread=single \
	-icount shift=2,sleep=off -rtc clock=vm -smp "$topology" -m 4096 -display none -no-reboot \
	-kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" -append "$(echo $append)" \
	-drive "if=virtio,format=raw,snapshot=on,cache=unsafe,file=/dev-cache/images/root.ext4" \
	-drive "if=virtio,format=raw,snapshot=on,cache=unsafe,file=$kernel/modules.ext4" \
	-drive "if=virtio,format=raw,snapshot=on,cache=unsafe,file=/dev-cache/images/product.ext4" \
	-chardev "file,id=console,path=$run/console" -serial chardev:console \
	-device virtio-serial-pci \
	-chardev "file,id=out,path=/proc/self/fd/1,append=on" -device virtserialport,chardev=out,name=lab.out \
	-chardev "file,id=err,path=/proc/self/fd/2,append=on" -device virtserialport,chardev=err,name=lab.err \
	-virtfs "local,path=$run,mount_tag=lab,security_model=none,multidevs=remap" "${share[@]}" \
	-device virtio-gpu-pci -device virtio-rng-pci
}
# Through pipes: QEMU opens its output anew, and in a plain file would write over what stands there.
{ machine 2>&1 1>&3 3>&- | cat >&2; } 3>&1 | cat
