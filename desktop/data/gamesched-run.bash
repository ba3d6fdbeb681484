# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# bash completion for gamesched-run(1)

_gamesched_run() {
	local i current=${COMP_WORDS[COMP_CWORD]}
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--name | --app-id | --profile | --fps) ((i++)) ;;
		--)
			_gamesched_run_command $((i + 1))
			return
			;;
		-*) ;;
		*)
			_gamesched_run_command "$i"
			return
			;;
		esac
	done
	# The word to complete is the value of an option.
	((i > COMP_CWORD)) && return
	case $current in
	-*) mapfile -t COMPREPLY < <(compgen -W "--name --app-id --profile --fps --detach --help --version --" -- "$current") ;;
	*) mapfile -t COMPREPLY < <(compgen -c -- "$current") ;;
	esac
}

# The game's own completion, from the word with this index on; bash-completion 2.12 renamed the function.
_gamesched_run_command() {
	if declare -F _comp_command_offset >/dev/null; then
		_comp_command_offset "$1"
	elif declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	else
		mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
	fi
}
complete -F _gamesched_run gamesched-run
