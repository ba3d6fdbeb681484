# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# bash completion for gamesched-tray(1)

_gamesched_tray() {
	local current=${COMP_WORDS[COMP_CWORD]}
	if [ "${COMP_WORDS[COMP_CWORD - 1]}" = --locale-dir ]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -W "--locale-dir --help --version" -- "$current")
	fi
}
complete -F _gamesched_tray gamesched-tray
