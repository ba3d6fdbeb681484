#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check_policy.sh FILE: the policy file is well-formed, and valid where polkit's DTD is installed.
set -eu
file=$1
dtd=/usr/share/polkit-1/policyconfig-1.dtd
if [ -f "$dtd" ]; then
	exec xmllint --nonet --noout --dtdvalid "$dtd" "$file"
fi
exec xmllint --nonet --noout "$file"
