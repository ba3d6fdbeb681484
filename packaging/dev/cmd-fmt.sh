# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
cmd_fmt() {
	need_sandbox
	in_sandbox sh -c 'find bpf service desktop tests -name "*.cpp" -o -name "*.h" -o -name "*.c" | xargs clang-format-19 -i'
}
