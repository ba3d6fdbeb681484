# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
cmd_shell() {
	need_sandbox
	release_lock # a shell stays open for hours, and who types there knows what else runs
	if [ $# -eq 0 ]; then set -- bash; fi
	in_sandbox "$@"
}
