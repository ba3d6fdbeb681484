# SPDX-License-Identifier: GPL-2.0-or-later
set -l commands status games on off counters profile config
complete -c gameschedctl -f
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a status -d "State and reason, what to do, detectors, games"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a games -d "Registered games"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a on -d "Let games be scheduled"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a off -d "Detach the scheduler and keep it off"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a counters -d "Counters of the scheduler"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a profile -d "List, get, set or hold profiles"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -a config -d "Check or show the configuration"
complete -c gameschedctl -n "__fish_seen_subcommand_from profile" -a "list get set hold"
complete -c gameschedctl -n "__fish_seen_subcommand_from hold" -l reason -d "Why it is held"
complete -c gameschedctl -n "__fish_seen_subcommand_from config" -a "check show"
complete -c gameschedctl -n "__fish_seen_subcommand_from config" -l config-dir -r -d "Folder of gamesched.toml"
complete -c gameschedctl -n "__fish_seen_subcommand_from config" -l vendor-config-dir -r -d "Folder of the distribution"
complete -c gameschedctl -n "not __fish_seen_subcommand_from $commands" -l version -d "Print the version"
complete -c gameschedctl -l help -d "Print help"
complete -c gameschedctl -n "__fish_seen_subcommand_from $commands" -l json -d "Print JSON"
