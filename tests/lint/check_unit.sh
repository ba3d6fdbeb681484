#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check_unit.sh UNIT SYSUSERS: systemd understands the unit, and holds it to be safe.
# The unit is the built one; what it starts need not be installed.
set -euo pipefail
unit=$1 sysusers=$2

command -v systemd-analyze >/dev/null || exit 77

# Tenths. 1.0 as it is; whatever opens the service further has to be worth raising this.
max_exposure=15

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed 's,^ExecStart=.*,ExecStart=/bin/true,' "$unit" >"$folder/gameschedd.service"

# verify prints what it does not know and goes on: any word about our unit is a failure.
if ! systemd-analyze verify --man=no "$folder/gameschedd.service" >"$folder/verify" 2>&1 ||
	grep -q gameschedd "$folder/verify"; then
	cat "$folder/verify"
	exit 1
fi
systemd-analyze security --offline=true --no-pager --threshold="$max_exposure" "$folder/gameschedd.service" | tail -n 1

# The user that the unit and the bus policy name is the one that is made.
mkdir -p "$folder/root/etc"
systemd-sysusers --dry-run --root="$folder/root" "$sysusers"
user=$(sed -n 's/^User=//p' "$unit")
grep -qE "^u!? +$user " "$sysusers" || {
	echo "$sysusers does not make user $user"
	exit 1
}
