# SPDX-License-Identifier: GPL-2.0-or-later
complete -c gamesched-run -x -a "(__fish_complete_subcommand)"
complete -c gamesched-run -n __fish_is_first_token -x -l name -d "What to call the game"
complete -c gamesched-run -n __fish_is_first_token -x -l app-id -d "Its application id"
complete -c gamesched-run -n __fish_is_first_token -x -l fps -d "The frame rate it aims at"
complete -c gamesched-run -n __fish_is_first_token -x -l profile -d "The profile to play it with"
complete -c gamesched-run -n __fish_is_first_token -l detach -d "Start it in the background and return"
complete -c gamesched-run -n __fish_is_first_token -l help -d "Print help"
complete -c gamesched-run -n __fish_is_first_token -l version -d "Print the version"
