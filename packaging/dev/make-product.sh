# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# make-product.sh INSTALLED GUEST IMAGE: the disk that the initrd copies over the lab's root.
set -euo pipefail
installed=$1 guest=$2 image=$3
tree=$(mktemp -d)
[ -d "$installed" ] && cp -a "$installed/." "$tree/"
mkdir -p "$tree/usr/libexec/gamesched-lab" "$tree/etc/systemd/system/basic.target.wants"
for script in run-command clock users; do install -m 755 "$guest/$script" "$tree/usr/libexec/gamesched-lab/$script"; done
install -m 755 "$guest/fast-init" "$tree/usr/libexec/gamesched-lab/fast-init"
install -m 644 "$guest/lab.service" "$tree/etc/systemd/system/lab.service"
install -m 644 "$guest/lab.target" "$tree/etc/systemd/system/lab.target"
ln -sf /etc/systemd/system/lab.target "$tree/etc/systemd/system/default.target"
# Nothing here is for a machine that lives for a minute, and each costs seconds of emulation.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
	systemd-journal-flush.service systemd-update-utmp.service systemd-random-seed.service systemd-timesyncd.service \
	systemd-pcrphase.service systemd-firstboot.service getty.target systemd-ask-password-wall.path \
	systemd-ask-password-console.path ldconfig.service systemd-hwdb-update.service systemd-journal-catalog-update.service \
	systemd-update-done.service systemd-networkd.service console-getty.service keyboard-setup.service; do
	ln -sf /dev/null "$tree/etc/systemd/system/$unit"
done
mkdir -p "$tree/etc/udev/hwdb.d"
rm -f "$image"
mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$tree" "$image" "$(($(du -sm "$tree" | cut -f1) * 6 / 5 + 8))M"
rm -rf "$tree"
