#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run-tier.sh TIER: run the tests of one tier in one boot; print their count as
# "passed failed skipped". Exit status 3: the tier cannot be had here, the
# reason is on stderr.
#
#   stock             selftests, Debian's own kernel
#   rt                selftests, Debian's kernel with PREEMPT_RT
#   uml, uml-debug    KUnit; in QEMU where User Mode Linux cannot run
#   qemu-debug, matrix-SERIES   both
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/tiers.sh"
. "$SCRIPTS/results.sh"

tier=$1
kunit='' selftests='' uml=() make_args=()
# The flavour of the kernel that the tests run in.
flavour=$tier
case $tier in
stock)			selftests=y ;;
rt)			selftests=y make_args=(W=1 KCFLAGS=-Werror) ;;
uml | uml-debug)	kunit=y uml=(--uml) make_args=(ARCH=um) ;;
qemu-debug | matrix-*)	kunit=y selftests=y make_args=(ARCH=x86_64) ;;
*)			die "no such tier: $tier" ;;
esac
results=$OUT/result/$tier
rm -rf "$results"
mkdir -p "$results"

find_kernel() {
	local why

	case $flavour in
	stock)
		kernel=$("$SCRIPTS/fetch.sh" image)
		kdir=$(stock_headers)
		return
		;;
	rt)
		kernel=$("$SCRIPTS/fetch.sh" image rt) || exit $?
		kdir=$("$SCRIPTS/fetch.sh" headers rt) || exit $?
		return
		;;
	esac
	kdir=$("$SCRIPTS/build-kernel.sh" "$flavour")
	kernel=$kdir/arch/x86/boot/bzImage
	[ ${#uml[@]} = 0 ] && return
	kernel=$kdir/linux
	why=$("$SCRIPTS/uml-probe.sh" "$kernel") && return
	# The same suites, emulated: slower, so with smaller counts, but not lost.
	case $flavour in
	uml)		flavour=qemu ;;
	uml-debug)	flavour=qemu-debug ;;
	esac
	say "$why; the KUnit suites of $tier run in a $flavour kernel instead"
	echo 0 0 1 >>"$results/counts"
	uml=() make_args=(ARCH=x86_64)
	kdir=$("$SCRIPTS/build-kernel.sh" "$flavour")
	kernel=$kdir/arch/x86/boot/bzImage
}

# Up to 6.2 the suites run before module parameters are parsed, so the scale
# has to be compiled in.
find_flags() {
	local flags="-DGOCHAN_KUNIT_SCALE=$scale"

	case $flavour in
	qemu-debug)
		# UBSan checks the modules that ask for it, not the whole kernel.
		make_args+=(UBSAN_SANITIZE=y)
		;;
	matrix-*)
		flags+=" -Werror"
		make_args+=(W=1)
		;;
	esac
	[ -z "$kunit" ] || make_args+=("KCFLAGS=$flags")
}

build_selftests() {
	local dir=$REPO/tools/testing/selftests/gochan

	[ -e "$dir/Makefile" ] || die "there are no selftests in $dir"
	mkdir -p "$OUT/selftests"
	run_logged "selftests" "$LOGS/build-selftests.log" \
		make -C "$dir" -j"$(jobs_wanted)" "OUTPUT=$OUT/selftests" \
		"KSELFTEST=$source/tools/testing/selftests" ||
		die "the selftests do not build; fix what the log shows"
	programs=$(make -s -C "$dir" "OUTPUT=$OUT/selftests" list | xargs)
	[ -n "$programs" ] || die "$dir lists no test programs"
}

source=$("$SCRIPTS/fetch.sh" source)
find_kernel
scale=$(tier_scale "$flavour")
find_flags
build=$("$SCRIPTS/build-modules.sh" "$flavour" "$kdir" "${make_args[@]}")
list=$(module_files "$build")
mapfile -t files <<<"$list"
job=/guest/kunit.sh programs=''
if [ -n "$kunit" ] && [ ! -e "$build/kunit/gochan_kunit.ko" ]; then
	die "no kunit/gochan_kunit.ko was built; there are no KUnit suites to run"
fi
if [ -n "$selftests" ]; then
	build_selftests
	job=/guest/kselftest.sh
	files+=(--add "$OUT/selftests:selftests")
fi

rc=0
"$SCRIPTS/vm-run.sh" --name "$tier" --kernel "$kernel" "${uml[@]}" \
	--job "$job" "${files[@]}" --time "$(tier_limit "$flavour")" \
	--memory "$(tier_memory "$flavour")" \
	--env "SCALE=$scale" --env "WITH_KUNIT=$kunit" \
	--env "PROGRAMS=$programs" \
	--env "PROGRAM_LIMIT=$(tier_program_limit "$flavour")" \
	| tee "$LOGS/$tier.output" | follow_selftests "$results" ||
	rc=${PIPESTATUS[0]}

if [ -n "$kunit" ]; then
	counts=$(kunit_counts "$tier" "$LOGS/$tier.console" \
		"$source/tools/testing/kunit/kunit.py")
	echo "$counts" >>"$results/counts"
	# shellcheck disable=SC2086  # three numbers
	set -- $counts
	say "  KUnit: $1 passed, $2 failed, $3 skipped"
	[ $(($1 + $2 + $3)) -gt 0 ] || {
		say "$tier: no KUnit case reported, log in $LOGS/$tier.console"
		echo 0 1 0 >>"$results/counts"
	}
fi
if [ "$rc" != 0 ]; then
	say "$tier: failed with status $rc, output in $LOGS/$tier.output"
	tail -n 20 "$results/other" >&2 2>/dev/null || true
	echo 0 1 0 >>"$results/counts"
fi
sum_counts <"$results/counts"
