# SPDX-License-Identifier: GPL-2.0-or-later
set -l commands status games on off counters
complete -c gameschedctl -f
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a status -d "State and reason, what to do, detectors, games"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a games -d "Registered games"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a on -d "Let games be scheduled"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a off -d "Detach the scheduler and keep it off"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a counters -d "Counters of the scheduler"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -l version -d "Print the version"
complete -c gameschedctl -l help -d "Print help"
complete -c gameschedctl -n "__fish_seen_subcommand_from $commands" -l json -d "Print JSON"
