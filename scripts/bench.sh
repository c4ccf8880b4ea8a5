#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench.sh [TIER[/PART,...]]...: run the benchmarks of the tiers native
# (nanoseconds), counted (instructions) and smp (nanoseconds, two processors),
# write out/bench.tsv, compare with the goals and draw out/map-*.svg. A part is
# "module", which measures inside the kernel, or "kinds", what of that in the
# native tier has no peer elsewhere; a program of tools/bench; "go" or "absl", which
# measure their own maps and channels in user space; or "bare", a table with nothing
# but what a lookup takes. Without any, all parts of the tier run:
#
#   bench.sh counted/chan native/go,absl
#
#   BENCH_ROUNDS      rounds that count, at least five (default: 5)
#   BENCH_MAX_N       largest size of the native tier (default: 4000000)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

table=$OUT/bench.tsv
work=$OUT/bench
rounds=${BENCH_ROUNDS:-5}

# What a tier takes. The parts of the native one take turns, as many as rounds,
# because what else the machine does changes from minute to minute; in each turn
# every part has a rehearsal and a round. One instruction is one nanosecond for a
# counted guest, which is emulated and slow: there, large sizes only show the
# dearest insert.
native() {
	kernel=$("$SCRIPTS/build-kernel.sh" uml)
	# Times of an emulated processor would compare with nothing.
	without=$("$SCRIPTS/uml-probe.sh" "$kernel/linux") || return 0
	build=$("$SCRIPTS/build-modules.sh" bench-native "$kernel" ARCH=um)
	boot=(--kernel "$kernel/linux" --uml --memory 3G)
	turns=$rounds
	parameters="rounds=1 kinds=0 slices=0 growth_n=0"
	parameters+=" max_n=${BENCH_MAX_N:-4000000}"
	kinds="rounds=$rounds maps=0 chans=0 max_n=${BENCH_MAX_N:-4000000}"
	parts=(kinds module go absl bare)
}

counted() {
	kernel=$("$SCRIPTS/fetch.sh" image)
	build=$("$SCRIPTS/build-modules.sh" bench-counted "$(stock_headers)")
	boot=(--kernel "$kernel" --count --memory 3G
		--append "mitigations=off tsc=reliable")
	parameters="rounds=$rounds max_n=100000 min_ops=16384 growth_n=0"
	parameters+=" kinds=0"
	parameters+=" dearest_n=4000000"
	parts=(module chan pair map)
}

# Two processors, and time as it passes; sizes are the programs' own.
smp() {
	kernel=$("$SCRIPTS/fetch.sh" image)
	build=$("$SCRIPTS/build-modules.sh" bench-counted "$(stock_headers)")
	boot=(--kernel "$kernel" --memory 1G --append mitigations=off)
	parameters="rounds=$rounds scale=1 slices=0 chans=0 max_n=0 growth_n=0"
	parts=(module scale)
}

# report_results TIER: until killed, say how many results there are.
report_results() {
	local console=$LOGS/bench-$1.console owner=$$ start=$SECONDS

	while sleep 30 && kill -0 "$owner" 2>/dev/null; do
		say "$1: $((SECONDS - start))s," \
			"$(grep -c 'gochan_bench: ' "$console" || true) results"
	done
}

# boot_tier TIER JOB ARGUMENT...: run a job of the guest, its output is printed.
boot_tier() {
	local tier=$1 job=$2 files reporter rc=0
	shift 2

	report_results "$tier" &
	reporter=$!
	mapfile -t files < <(module_files "$build")
	"$SCRIPTS/vm-run.sh" --name "bench-$tier" --job "/guest/$job" \
		"${boot[@]}" "${files[@]}" --time 3000 "$@" |
		tr -d '\r' || rc=$?
	kill "$reporter" 2>/dev/null || true
	wait "$reporter" 2>/dev/null || true
	[ "$rc" = 0 ] ||
		die "the benchmarks of the $tier tier failed, logs in $LOGS"
}

# run_module TIER PARAMETERS: what the module measures, inside the kernel.
run_module() {
	local module=$build/kmod/bench/gochan_bench.ko

	[ -e "$module" ] ||
		die "no gochan_bench.ko was built; kmod/Kbuild should list bench/"
	say "$1: benchmarks inside the kernel"
	boot_tier "$1" bench.sh --add "$module:modules/gochan_bench.ko" \
		--env "PARAMETERS=$2"
}

# run_programs TIER PROGRAM...: what programs measure, through the device.
run_programs() {
	local tier=$1
	shift

	run_logged "benchmark programs" "$LOGS/build-bench.log" \
		make -C "$REPO/tools/bench" "OUTPUT=$work/programs" ||
		die "the benchmarks do not build; fix what the log shows"
	say "$tier: benchmarks of the device: $*"
	boot_tier "$tier" bench-user.sh --add "$work/programs:bench" \
		--env "PROGRAMS=$*" --env "BENCH_ROUNDS=$rounds"
}

# reference_missing NAME: why this system cannot build it, or nothing.
reference_missing() {
	local advice="see scripts/deps.sh references"

	case $1 in
	go)	have go || echo "Go is not installed, $advice" ;;
	bare)	have g++ || echo "g++ is not installed" ;;
	absl)	have g++ && have pkg-config &&
			pkg-config --exists absl_flat_hash_map ||
			echo "absl is not installed, $advice" ;;
	esac
}

# Maps have the layout of Swiss tables since Go 1.24.
go_version() {
	local version minor

	version=$(go env GOVERSION)
	minor=${version#go1.}
	minor=${minor%%[!0-9]*}
	[ "${minor:-0}" -ge 24 ] ||
		echo "NOTE go: $version, older than Go's Swiss maps (1.24)"
}

# run_reference NAME: user space on this machine, with the module's keys.
run_reference() {
	local missing

	missing=$(reference_missing "$1")
	if [ -n "$missing" ]; then
		echo "SKIP $1: $missing"
		return
	fi
	[ "$1" != go ] || go_version
	run_logged "build $1's reference" "$LOGS/build-bench-$1.log" \
		make -C "$REPO/tools/bench/ref" "OUTPUT=$work/ref" "$1" ||
		die "the reference does not build; fix what the log shows"
	say "native: $1, in user space"
	"$work/ref/$1" 1 "${BENCH_MAX_N:-4000000}" ||
		die "the reference of $1 failed"
}

# to_rows TIER FILE: the results in FILE as rows of the table; of a result that
# is there once a turn, the median.
to_rows() {
	awk -F '\t' -v OFS='\t' -v tier="$1" '
		function median(key,	n, i, j, v, x) {
			n = split(values[key], v, OFS)
			for (i = 2; i <= n; i++) {
				x = v[i]
				for (j = i; j > 1 && v[j - 1] + 0 > x + 0; j--)
					v[j] = v[j - 1]
				v[j] = x
			}
			return v[int(n / 2) + 1]
		}
		NF == 4 {
			$0 = "map" OFS $0
		}
		NF == 5 {
			key = $1 OFS $2 OFS $3 OFS $4
			if (!(key in values)) {
				keys[++rows] = key
				values[key] = $5
			} else {
				values[key] = values[key] OFS $5
			}
		}
		END {
			for (row = 1; row <= rows; row++) {
				key = keys[row]
				split(key, part, OFS)
				unit = tier == "counted" ? "insn" : "ns"
				if (part[4] ~ /^bytes/)
					unit = "B"
				print tier, key, median(key), unit
			}
			exit !rows
		}' "$2" ||
		die "no results came from the $1 tier, output in $2"
}

# run_parts TIER TURN PART...: the results are printed. What takes no turns is
# in the first.
run_parts() {
	local tier=$1 turn=$2 part programs=()
	shift 2

	for part; do
		case $part in
		module)	run_module "$tier" "$parameters turn=$((turn - 1))" ;;
		kinds)	[ -n "$kinds" ] || die "kinds is a part of native only"
			[ "$turn" -gt 1 ] || run_module "$tier" "$kinds" ;;
		go | absl | bare) run_reference "$part" ;;
		*)	programs+=("$part") ;;
		esac
	done
	[ ${#programs[@]} = 0 ] || [ "$turn" -gt 1 ] ||
		run_programs "$tier" "${programs[@]}"
}

# run_tier TIER [PART]...: its rows are printed; everything else is progress.
run_tier() {
	local tier=$1 output=$work/$1.output turn turns=1
	local kernel build boot parameters kinds='' parts without=''
	shift

	"$tier"
	if [ -n "$without" ]; then
		echo "SKIP $tier: $without" >"$output"
		return
	fi
	[ $# -gt 0 ] || set -- "${parts[@]}"
	: >"$output"
	for ((turn = 1; turn <= turns; turn++)); do
		[ "$turns" = 1 ] || say "$tier: turn $turn of $turns"
		run_parts "$tier" "$turn" "$@" >>"$output"
	done
	to_rows "$tier" "$output"
}

[ $# -gt 0 ] || set -- native counted smp
for tier; do
	case $tier in
	native | native/* | counted | counted/* | smp | smp/*)	;;
	*)	die "no such tier: $tier; there are native, counted and smp" ;;
	esac
done
[ "$rounds" -ge 5 ] || die "BENCH_ROUNDS is $rounds; at least 5 are needed"

one_run
"$SCRIPTS/deps.sh"
mkdir -p "$work"
rm -f "$work"/*.output
printf 'tier\tsuite\tsubject\tn\top\tvalue\tunit\n' >"$work/bench.tsv"
for tier; do
	parts=()
	[ "$tier" = "${tier%%/*}" ] || IFS=, read -ra parts <<<"${tier#*/}"
	run_tier "${tier%%/*}" ${parts[@]+"${parts[@]}"} >>"$work/bench.tsv"
done
mv "$work/bench.tsv" "$table"
"$SCRIPTS/bench-ratios.py" "$table"
if have gnuplot; then
	"$SCRIPTS/bench-plots.py" "$table" "$OUT"
	say "plots in $OUT/map-*.svg"
else
	echo "SKIP plots: gnuplot is not installed"
fi
grep -hE '^(SKIP|NOTE)' "$work"/*.output | sort -u || true
say "results in $table"
