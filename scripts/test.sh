#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh TIER...: run the tests of each tier and close with one line that has
# the sum. A tier that cannot run counts as one failure.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/results.sh"

one_run
"$SCRIPTS/deps.sh"
total=$OUT/result/total
mkdir -p "${total%/*}"
: >"$total"
for tier; do
	say "tests on $tier"
	if ! "$SCRIPTS/run-tier.sh" "$tier" >>"$total"; then
		echo 0 1 0 >>"$total"
	fi
done
# shellcheck disable=SC2046  # three numbers
closing_line $(sum_counts <"$total")
