# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
cmd_shell() {
	need_sandbox
	if [ $# -eq 0 ]; then set -- bash; fi
	in_sandbox "$@"
}
