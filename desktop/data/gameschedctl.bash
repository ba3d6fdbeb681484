# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# bash completion for gameschedctl(1)

_gameschedctl() {
	local current=${COMP_WORDS[COMP_CWORD]} words="status games on off counters --help --version" word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		status | games | on | off | counters) words="--json --help" ;;
		esac
	done
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _gameschedctl gameschedctl
