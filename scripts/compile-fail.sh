#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# compile-fail.sh FILE...: compile each file as it is, which must succeed, and
# once for each of its cases, which must fail. A case is a line
#
#	#ifdef CASE_NAME /* text that the message must have */
#
# and warnings are errors.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

copy=$OUT/build/compile-fail
kdir=$(stock_headers)
bad=0

# cases FILE: "NAME<tab>text" for each.
cases() {
	sed -n 's|^#ifdef CASE_\([A-Z0-9_]*\) /\* \(.*\) \*/$|\1\t\2|p' "$1"
}

# compile NAME FILE [DEFINE]: FILE with DEFINE, messages in NAME.log.
compile() {
	printf '%s#include "%s"\n' "${3:+#define $3$'\n'}" "$REPO/$2" \
		>"$copy/$1.c"
	make -C "$kdir" M="$copy" KCFLAGS="-Werror -I$copy/include" "$1.o" \
		>"$copy/$1.log" 2>&1
}

wrong() {
	echo "$*"
	bad=1
}

rm -rf "$copy"
mkdir -p "$copy"
touch "$copy/Kbuild"
ln -s "$REPO/include" "$copy/include"
for file; do
	compile control "$file" || {
		cat "$copy/control.log"
		die "$file does not compile as it is"
	}
	[ "$(grep -c '^#ifdef' "$file")" = "$(cases "$file" | wc -l)" ] ||
		die "$file has a case without a message to expect"
	while IFS=$'\t' read -r name text; do
		if compile "$name" "$file" "CASE_$name" </dev/null; then
			wrong "$file: $name compiles, and should not"
		elif ! grep -qF "$text" "$copy/$name.log"; then
			wrong "$file: $name fails without \"$text\":"
			cat "$copy/$name.log"
		fi
	done < <(cases "$file")
	echo "$file: $(cases "$file" | wc -l) cases"
done
exit $bad
