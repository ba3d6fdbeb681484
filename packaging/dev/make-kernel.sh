# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# make-kernel.sh RELEASE DIR: vmlinuz, initrd and modules.ext4 of one Debian kernel, in the sandbox.
set -euo pipefail
release=$1 dir=$2
work=$(mktemp -d)
cd "$work"
# Up to 6.19 one package holds all; from 7.0 the image is split.
names=
for kind in image base binary modules; do
	if apt-cache policy "linux-$kind-$release" | grep "Candidate: [0-9]" >/dev/null; then names+=" linux-$kind-$release"; fi
done
[ -n "$names" ] || { echo "no package of kernel $release; try: apt-get update in ./dev shell" >&2; exit 1; }
# The download runs as root here: apt's own user cannot write to this folder.
# shellcheck disable=SC2086
apt-get -o APT::Sandbox::User=root download $names
for deb in ./*.deb; do dpkg-deb -x "$deb" tree; done
vmlinuz=$(find tree -type f -name "vmlinuz-$release" -o -type f -path "*modules/$release/vmlinuz" | head -n 1)
cp "$vmlinuz" "$dir/vmlinuz"
modules=$(find tree -type d -path "*modules/$release" | head -n 1)
mkdir -p "root/lib/modules" initrd/{bin,proc,sys,dev,root,modules,product}
mv "$modules" "root/lib/modules/$release"
depmod -b root "$release"

# The initrd finds the three disks; all else is a module on the second.
copy_module() {
	local file
	modprobe -d "$work/root" -S "$release" --show-depends "$1" | while read -r kind file _; do
		[ "$kind" = insmod ] || continue
		file=$(realpath --relative-to="$work/root/lib/modules/$release" "$file")
		local plain=initrd/lib/modules/${file##*/}
		plain=${plain%.xz}
		plain=${plain%.zst}
		mkdir -p initrd/lib/modules
		[ -e "$plain" ] && continue
		case $file in
		*.xz) xz -dc "root/lib/modules/$release/$file" >"$plain" ;;
		*.zst) zstd -qdc "root/lib/modules/$release/$file" >"$plain" ;;
		*) cp "root/lib/modules/$release/$file" "$plain" ;;
		esac
		echo "${plain##*/}" >>initrd/lib/modules/order
	done
}
for module in virtio_pci virtio_blk ext4 9p 9pnet_virtio virtio_console; do copy_module "$module"; done
cp /usr/bin/busybox initrd/bin/busybox
cp /src/packaging/dev/guest/initrd-init initrd/init
chmod +x initrd/init
(cd initrd && find . | cpio --quiet -o -H newc) >"$dir/initrd"
mke2fs -q -t ext4 -O ^has_journal -m 0 -d "root/lib/modules" "$dir/modules.ext4" "$(($(du -sm root | cut -f1) * 5 / 4 + 16))M"
rm -rf "$work"
