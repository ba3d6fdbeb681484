#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check_policy.sh FILE LINGUAS: the policy file is well-formed, valid where polkit's DTD is installed, and says every
# sentence in each language.
set -eu
file=$1
dtd=/usr/share/polkit-1/policyconfig-1.dtd
set -- "$2"
if [ -f "$dtd" ]; then
	xmllint --nonet --noout --dtdvalid "$dtd" "$file"
else
	xmllint --nonet --noout "$file"
fi
count() { xmllint --nonet --xpath "count(//$1)" "$file"; }
for what in description message; do
	sentences=$(count "${what}[not(@xml:lang)]")
	for language in $(sed 's/#.*//' "$1"); do
		translated=$(count "${what}[@xml:lang='$language']")
		if [ "$translated" -ne "$sentences" ]; then
			echo "$file: of $sentences $what elements $translated are in language $language"
			exit 1
		fi
	done
done
