#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Show channels and a map at work on a text file, the one argument, and check
# all that is shown. Needs /dev/gochan and busybox. Exit status 0: everything
# was right.

here=$(dirname "$0")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
	echo "  WRONG: $*"
	failed=1
}

# count FILE: lines, words and bytes, as busybox wc has them.
count() {
	busybox wc <"$1" | awk '{ print $1, $2, $3 }'
}

# compare FILE OUTPUT: do the totals in OUTPUT equal a direct count of FILE?
compare() {
	want=$(count "$1")
	got=$(awk '$1 == "total" { print $2, $3, $4; exit }' "$2")
	[ "$got" = "$want" ] && return
	fail "wc has ${want:-nothing}, the workers have ${got:-nothing}"
	return 1
}

# odd NAME FILE: wordcount on an odd file, of which only the totals matter.
odd() {
	"$here/wordcount" "$2" >"$work/out" 2>&1 ||
		fail "wordcount ended with status $?: $(tail -n 1 "$work/out")"
	compare "$2" "$work/out" || return
	echo "$want" | awk -v name="$1" \
		'{ printf "  %-32s%8d%8d%10d  as wc\n", name, $1, $2, $3 }'
}

input=$1
if ! [ -r "$input" ]; then
	echo "usage: $0 FILE" >&2
	exit 2
fi

echo "Word count: one reader, four workers, a collector, and one map for all"
echo
"$here/wordcount" "$input" >"$work/out" || fail "wordcount: status $?"
cat "$work/out"
if compare "$input" "$work/out"; then
	echo "  wc counts the same: $(count "$input")"
fi
grep -q 'one select: .* 1 stop$' "$work/out" ||
	fail "the collector was not stopped by its channel"

echo
printf '%-34s%8s%8s%10s\n' "The same for odd files" lines words bytes
echo
: >"$work/empty"
printf 'no newline at the end' >"$work/unended"
printf '\n\n \t\n' >"$work/blank"
printf 'two words\r\nand three more\r\n' >"$work/crlf"
awk 'BEGIN { for (i = 0; i < 30000; i++) printf "word%d  ", i }' \
	>"$work/longline"
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "x"; print " end" }' \
	>"$work/longword"
head -c 200000 /dev/urandom >"$work/junk"
# Zeroes are no white space, and no word either, except where "x" joins them.
{ head -c 10000 /dev/zero; printf x; head -c 10000 /dev/zero; } >"$work/zero"
odd "empty" "$work/empty"
odd "no newline at the end" "$work/unended"
odd "only white space" "$work/blank"
odd "lines that end in CR LF" "$work/crlf"
odd "one line of many words" "$work/longline"
odd "one word of many messages" "$work/longword"
odd "random bytes" "$work/junk"
odd "zeroes" "$work/zero"

echo
"$here/sieve" || fail "sieve: status $?"

echo
if [ "$failed" = 0 ]; then
	echo "Everything was right."
else
	echo "Something was WRONG, see above."
fi
exit "$failed"
