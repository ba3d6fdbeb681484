# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# bash completion for gameschedctl(1)

_gameschedctl() {
	local current=${COMP_WORDS[COMP_CWORD]} words="status games on off counters top profile config explain explain-process --help --version" word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		status | games | on | off | counters) words="--json --help" ;;
		top) words="--help" ;;
		profile) words="list get set hold --json --help" ;;
		config) words="check show --json --help" ;;
		explain) words="$(ps -u "$USER" -o pid= 2>/dev/null) --json --help" ;;
		explain-process) words="$(ps -u "$USER" -o pid= 2>/dev/null) --json --config-dir --vendor-config-dir --help" ;;
		list | get) words="--json --help" ;;
		check | show) words="--json --config-dir --vendor-config-dir --help" ;;
		set) words="$(gameschedctl profile list 2>/dev/null | cut -c3- | cut -d' ' -f1) --json --help" ;;
		hold) words="$(gameschedctl profile list 2>/dev/null | cut -c3- | cut -d' ' -f1) --reason --help" ;;
		esac
	done
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _gameschedctl gameschedctl
