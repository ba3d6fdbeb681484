# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# enter.sh SANDBOX SOURCES CACHE SHARE COMMAND...: run inside fresh namespaces by in_sandbox.
set -eu
sandbox=$1 sources=$2 cache=$3 share=$4
shift 4
# A tmpfs holds the mount points, so that the sandbox itself stays as it was made.
top=$cache/mnt
mkdir -p "$top"
mount --rbind "$sandbox" "$top"
mount --make-rslave "$top"
mkdir -p "$sandbox/src" "$sandbox/dev-cache" "$sandbox/share"
mount -t proc proc "$top/proc"
mount --rbind /sys "$top/sys"
mount --rbind /dev "$top/dev"
mount -t tmpfs tmpfs "$top/tmp"
mount -t tmpfs tmpfs "$top/run"
mount --rbind "$sources" "$top/src"
mount --rbind "$cache" "$top/dev-cache"
if [ -n "$share" ]; then mount --rbind "$share" "$top/share"; fi
mount --rbind /etc/resolv.conf "$top/etc/resolv.conf" 2>/dev/null || true
exec chroot "$top" /usr/bin/env -i PATH=/usr/lib/ccache:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TERM="${TERM:-dumb}" \
	LANG=C.UTF-8 CCACHE_DIR=/dev-cache/ccache CI="${CI:-}" \
	/bin/sh -c 'cd /src && exec "$@"' sh "$@"
