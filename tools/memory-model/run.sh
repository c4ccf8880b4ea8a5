#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh KERNEL-SOURCE: have herd7 judge the tests here by the kernel's memory
# model, and compare with the result that each of them wants. Each test is named
# in the comment of a barrier in kmod/, and nothing else is: that is checked
# first. Exit status 77: there is no herd7, the reason is on stdout.
set -euo pipefail

SKIPPED=77
model=${1:?where is the kernel source}/tools/memory-model
cd "$(dirname "$0")"
here=$PWD
bad=0

named=$(grep -rhoE --include='*.[ch]' '[a-z0-9-]+\.litmus' ../../kmod |
	sort -u) || true
there=$(printf '%s\n' *.litmus | sort)
while read -r test; do
	echo "$test is a test here, or is named in a comment in kmod/, but not both"
	bad=1
done < <(comm -3 <(echo "$named") <(echo "$there") | tr -d '\t')

if ! command -v herd7 >/dev/null; then
	[ "$bad" = 0 ] || exit 1
	echo "herd7 is not installed"
	exit $SKIPPED
fi
# The model's files refer to each other by name.
cd "$model"
for test in "$here"/*.litmus; do
	wanted=$(sed -n 's/^ \* Result: //p' "$test")
	name=$(basename "$test" .litmus)
	out=$(herd7 -conf linux-kernel.cfg "$test" 2>&1) || true
	found=$(sed -n "s/^Observation $name \([A-Za-z]*\).*/\1/p" <<<"$out")
	if [ "$wanted" = "$found" ]; then
		echo "$name: $found"
	else
		echo "$out"
		echo "$name: wanted ${wanted:-a result}, got ${found:-none}"
		bad=1
	fi
done
exit $bad
