# SPDX-License-Identifier: GPL-2.0-or-later
complete -c gamesched-tray -f
complete -c gamesched-tray -x -l locale-dir -a "(__fish_complete_directories)" -d "Take translations from a folder"
complete -c gamesched-tray -l help -d "Print help"
complete -c gamesched-tray -l version -d "Print the version"
