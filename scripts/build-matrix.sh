#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-matrix.sh [SERIES | rt]...: build the modules for other kernel series,
# with warnings as errors, and run all tests there; "rt" is Debian's PREEMPT_RT
# build of the stock kernel. What the mirror does not offer is skipped, with the
# reason.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/results.sh"

[ $# -gt 0 ] || set -- 6.12 7.3 rt
one_run
"$SCRIPTS/deps.sh"
total=$OUT/result/matrix
mkdir -p "${total%/*}"
: >"$total"
summary=()

# sparse_report SERIES: one word, or the reason why not.
sparse_report() {
	local kdir out rc=0

	kdir=$("$SCRIPTS/build-kernel.sh" "matrix-$1")
	out=$("$SCRIPTS/sparse.sh" "sparse-$1" "$kdir" ARCH=x86_64) || rc=$?
	case $rc in
	0)	echo "clean" ;;
	77)	echo "skipped, $out" ;;
	*)
		echo "$out" >&2
		echo 0 1 0 >>"$total"
		echo "FAILED, see above"
		;;
	esac
}

for series; do
	say "tests on $series"
	rc=0 tier=matrix-$series package=linux-source-$series
	[ "$series" != rt ] || tier=rt package="linux-image of that kind"
	counts=$("$SCRIPTS/run-tier.sh" "$tier") || rc=$?
	case $rc in
	0)
		echo "$counts" >>"$total"
		read -r p f s <<<"$counts"
		summary+=("$series: $p passed, $f failed, $s skipped")
		[ "$series" = rt ] ||
			summary+=("$series: sparse $(sparse_report "$series")")
		;;
	3)
		echo 0 0 1 >>"$total"
		summary+=("$series: SKIP, the mirror has no $package")
		;;
	*)
		echo 0 1 0 >>"$total"
		summary+=("$series: FAILED, see above")
		;;
	esac
done
for line in "${summary[@]}"; do
	say "$line"
done
# shellcheck disable=SC2046  # three numbers
closing_line $(sum_counts <"$total")
