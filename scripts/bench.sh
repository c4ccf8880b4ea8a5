#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench.sh [TIER]...: run the benchmark module on the tiers native (nanoseconds)
# and counted (instructions), write out/bench.tsv and compare with the goals.
#
#   BENCH_ROUNDS      rounds that count, at least five (default: 5)
#   BENCH_MAX_N       largest size of the native tier (default: 4000000)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

table=$OUT/bench.tsv
work=$OUT/bench
rounds=${BENCH_ROUNDS:-5}

# What a tier takes. One instruction is one nanosecond for a counted guest,
# which is emulated and slow: there, large sizes only show the dearest insert.
native() {
	kernel=$("$SCRIPTS/build-kernel.sh" uml)
	build=$("$SCRIPTS/build-modules.sh" bench-native "$kernel" ARCH=um)
	boot=(--kernel "$kernel/linux" --uml --memory 3G)
	parameters="rounds=$rounds max_n=${BENCH_MAX_N:-4000000}"
}

counted() {
	kernel=$("$SCRIPTS/fetch.sh" image)
	build=$("$SCRIPTS/build-modules.sh" bench-counted "$(stock_headers)")
	boot=(--kernel "$kernel" --count --memory 1G
		--append "mitigations=off tsc=reliable")
	parameters="rounds=$rounds max_n=100000 min_ops=16384 growth_n=0"
	parameters+=" dearest_n=1000000"
}

# run_tier TIER: its rows are printed; everything else is progress.
run_tier() {
	local tier=$1 output=$work/$1.output kernel build boot parameters files

	"$tier"
	[ -e "$build/kmod/bench/gochan_bench.ko" ] ||
		die "no gochan_bench.ko was built; kmod/Kbuild should list bench/"
	mapfile -t files < <(module_files "$build")
	say "benchmarks on the $tier tier"
	"$SCRIPTS/vm-run.sh" --name "bench-$tier" --job /guest/bench.sh \
		"${boot[@]}" "${files[@]}" --time 3000 \
		--add "$build/kmod/bench/gochan_bench.ko:modules/gochan_bench.ko" \
		--env "PARAMETERS=$parameters" >"$output" ||
		die "the benchmarks of the $tier tier failed, output in $output"
	tr -d '\r' <"$output" | awk -F '\t' -v OFS='\t' -v tier="$tier" '
		NF == 4 {
			$0 = "map" OFS $0
		}
		NF == 5 {
			unit = tier == "native" ? "ns" : "insn"
			if ($4 ~ /^bytes/)
				unit = "B"
			print tier, $1, $2, $3, $4, $5, unit
			rows++
		}
		END { exit !rows }' ||
		die "no results came from the $tier tier, output in $output"
}

# One line per goal of the project: what it is, what was measured. The peer is
# the better of the two rhashtables, the one that shrinks and the other; but for
# delete, where shrinking has its price, the goal is for the one that shrinks as
# gomap does, and as most of the kernel's tables do.
print_ratios() {
	awk -F '\t' '
	NR == 1 { next }
	{
		value[$1, $3, $4, $5] = $6
	}
	$2 == "map" {
		if (!seen[$4]++)
			sizes[++nr] = $4
	}
	function peer(tier, n, op,	best, other) {
		best = value[tier, "rhashtable", n, op] + 0
		if ((tier, "rhashtable-noshrink", n, op) in value) {
			other = value[tier, "rhashtable-noshrink", n, op] + 0
			best = other < best ? other : best
		}
		return best
	}
	function verdict(good) {
		misses += !good
		return good ? "reached" : "MISSED"
	}
	function kept(tier, n,	ours, theirs) {
		if (!((tier, "gomap", n, "delete") in value))
			return
		ours = value[tier, "gomap", n, "delete"]
		theirs = value[tier, "rhashtable-noshrink", n, "delete"]
		row(tier, "delete, peer never shrinks", n, ours, theirs,
			sprintf("%.2fx", theirs / ours), "", 1)
	}
	function row(tier, what, n, ours, theirs, ratio, goal, good) {
		printf "%-8s %-26s %8d %10.1f %10.1f %7s  %-9s %s\n", tier,
			what, n, ours, theirs, ratio, goal,
			goal == "" ? "" : verdict(good)
	}
	# faster: how many times as fast as the peer; no goal below 1000
	function faster(tier, op, peer_op, n, goal,	ours, theirs) {
		if (!((tier, "gomap", n, op) in value))
			return
		ours = value[tier, "gomap", n, op]
		theirs = peer(tier, n, peer_op)
		if (op == "delete")
			theirs = value[tier, "rhashtable", n, op]
		row(tier, op, n, ours, theirs, sprintf("%.2fx", theirs / ours),
			goal ? ">= " goal "x" : "", theirs / ours >= goal)
	}
	function bytes(tier, n,		ours, theirs) {
		if (!((tier, "gomap", n, "bytes_per_entry") in value))
			return
		ours = value[tier, "gomap", n, "bytes_per_entry"]
		theirs = peer(tier, n, "bytes_per_entry")
		row(tier, "bytes per entry", n, ours, theirs,
			sprintf("%.2fx", ours / theirs), "<= 0.65x",
			ours / theirs <= 0.65)
	}
	# With interrupts on, those that happened to arrive are in the figure.
	function dearest(tier, op, n, goal,	ours) {
		if (!((tier, "gomap", n, op) in value))
			return
		ours = value[tier, "gomap", n, op]
		row(tier, op, n, ours, peer(tier, n, op), "",
			goal ? "< " goal : "", ours < goal)
	}
	function speed(tier,	i, n, timed) {
		for (i = 1; i <= nr; i++) {
			n = sizes[i]
			timed = tier == "native" && n >= 1000
			faster(tier, "hit", "hit", n, timed ? 1.5 : 0)
			faster(tier, "miss", "miss", n, 0)
			faster(tier, "get_many", "hit", n,
				tier == "native" && n == 1000000 ? 3 : 0)
			faster(tier, "overwrite", "overwrite", n, 0)
			faster(tier, "insert", "insert", n, timed ? 3 : 0)
			faster(tier, "delete", "delete", n, timed ? 3 : 0)
			kept(tier, n)
			bytes(tier, n)
			dearest(tier, "insert_dearest", n, 60000)
			dearest(tier, "insert_dearest_irqs_on", n, 0)
		}
	}
	# costs: what a slice takes, in terms of an array by hand
	function costs(tier, op, n, goal,	ours, theirs) {
		if (!((tier, "goslice", n, op) in value))
			return
		ours = value[tier, "goslice", n, op]
		theirs = value[tier, "krealloc", n, op]
		row(tier, op, n, ours, theirs, sprintf("%.2fx", ours / theirs),
			goal ? "<= " goal "x" : "", ours / theirs <= goal)
	}
	function slices(tier,	n) {
		for (n = 1000; n <= 1000000; n *= 1000) {
			costs(tier, "append", n,
				tier == "native" && n == 1000000 ? 1.15 : 0)
			costs(tier, "append_reserved", n, 0)
			costs(tier, "index", n, 0)
			costs(tier, "for_each", n, 0)
		}
	}
	END {
		printf "%-8s %-26s %8s %10s %10s %7s  %s\n", "tier", "op", "n",
			"gomap", "rhashtable", "ratio", "goal"
		speed("native")
		speed("counted")
		printf "%-8s %-26s %8s %10s %10s\n", "", "", "", "goslice",
			"krealloc"
		slices("native")
		slices("counted")
		printf "%d goals missed\n", misses
	}' "$1"
}

[ $# -gt 0 ] || set -- native counted
for tier; do
	case $tier in
	native | counted)	;;
	*)	die "no such tier: $tier; there are native and counted" ;;
	esac
done
[ "$rounds" -ge 5 ] || die "BENCH_ROUNDS is $rounds; at least 5 are needed"

"$SCRIPTS/deps.sh"
mkdir -p "$work"
printf 'tier\tsuite\tsubject\tn\top\tvalue\tunit\n' >"$work/bench.tsv"
for tier; do
	run_tier "$tier" >>"$work/bench.tsv"
done
mv "$work/bench.tsv" "$table"
print_ratios "$table"
say "results in $table"
