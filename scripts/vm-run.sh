#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot a kernel with an initramfs of our making, run one job in it, and exit
# with the job's status. See usage() below.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<'END'
usage: vm-run.sh --kernel FILE --job COMMAND [option]...
  --uml             FILE is a User Mode Linux program, not a bzImage
  --name NAME       names the logs and the initramfs (default: vm)
  --add SRC:DST     put a file or directory into the guest; repeatable
  --env NAME=VALUE  set a variable for the job; repeatable
  --time SECONDS    time limit (default: 300)
  --memory SIZE     guest memory (default: 1G)
  --append ARGS     more kernel parameters
  --count           a nanosecond of the guest is one instruction (QEMU, one CPU)
  --interactive     connect the terminal to the job

The job's output is stdout, the kernel log goes to out/log/NAME.console.
Exit status: the job's, or 70: the kernel reported a problem, 71: the guest
ended before the job did, 72: the time limit was reached.
END
}

SPLAT=70 NO_STATUS=71 TIMED_OUT=72

kernel='' job='' name=vm uml='' limit=300 memory=1G append='' interactive='' count=''
files=() settings=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel)	kernel=$2; shift ;;
	--job)		job=$2; shift ;;
	--uml)		uml=y ;;
	--name)		name=$2; shift ;;
	--add)		files+=("$2"); shift ;;
	--env)		settings+=("$2"); shift ;;
	--time)		limit=$2; shift ;;
	--memory)	memory=$2; shift ;;
	--append)	append=$2; shift ;;
	--count)	count=y ;;
	--interactive)	interactive=y ;;
	--help)		usage; exit ;;
	*)		usage >&2; exit 2 ;;
	esac
	shift
done
[ -n "$kernel" ] || die "--kernel is needed"
[ -n "$job" ] || die "--job is needed"
[ -e "$kernel" ] || die "no kernel at $kernel; remove its cache entry and retry"

kernel=$(realpath "$kernel")
initrd=$OUT/$name.cpio
console=$LOGS/$name.console
status_file=$LOGS/$name.status
work=$(mktemp -d "$OUT/vm.XXXXXX")
trap 'rm -rf "$work"' EXIT

write_env() {
	local setting

	printf 'JOB=%q\nINTERACTIVE=%q\n' "$job" "$interactive"
	for setting in ${settings[@]+"${settings[@]}"}; do
		printf 'export %s=%q\n' "${setting%%=*}" "${setting#*=}"
	done
}

# KVM counts only if the processor has it and a guest gets to user space: the
# device node alone may exist, open, and then hang every guest.
kvm_works() {
	local verdict

	grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ] || return 1
	verdict=$CACHE/kvm-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -s "$verdict" ]; then
		if probe_kvm; then
			echo yes >"$verdict"
		else
			echo no >"$verdict"
		fi
	fi
	[ "$(cat "$verdict")" = yes ]
}

probe_kvm() {
	printf 'JOB=true\nINTERACTIVE=\n' >"$work/probe.env"
	"$SCRIPTS/mkinitramfs.sh" "$work/probe.cpio" "$work/probe.env:guest/env"
	timeout --foreground -k 2 20 qemu-system-x86_64 -accel kvm -cpu host -m 512M \
		-kernel "$kernel" -initrd "$work/probe.cpio" -no-reboot \
		-append "console=ttyS0 panic=-1 rdinit=/init" \
		-nodefaults -display none -serial null -serial null \
		-serial "file:$work/probe.status" </dev/null >/dev/null 2>&1
	grep -qs 'exit 0' "$work/probe.status"
}

# The kernel parameters that all guests share: log everything, end at the
# first oops or panic instead of waiting for the time limit.
common_args=(console=ttyS0 ignore_loglevel panic=-1 oops=panic rdinit=/init
	kunit.enable=1 kunit.autorun=1)

# A guest does not inherit the lock of the run: where somebody has killed the
# scripts around it, the next run need not wait for its end.
boot_qemu() {
	local accel=(-accel "tcg,thread=multi" -cpu "qemu64,+smep,+smap")
	local signal=on cpus=2

	# In a shell, an interrupt is for the guest.
	[ -z "$interactive" ] || signal=off
	have qemu-system-x86_64 ||
		die "qemu-system-x86_64 is missing; run scripts/deps.sh"
	if [ -n "$count" ]; then
		accel=(-accel tcg -icount "shift=0,sleep=off"
			-cpu "qemu64,+smep,+smap,+rdrand")
		cpus=1
	elif kvm_works; then
		accel=(-accel kvm -cpu host)
	fi
	# QEMU takes names apart at commas; those in out/ have none.
	cd "$OUT"
	# A busy host makes an emulated guest so slow that the check of its timer
	# fails, which would be a panic.
	timeout --foreground -k 5 "$limit" qemu-system-x86_64 \
		"${accel[@]}" -smp "$cpus" -m "$memory" \
		-kernel "$kernel" -initrd "$initrd" -no-reboot \
		-append "${common_args[*]} no_timer_check $append" \
		-nodefaults -display none \
		-chardev "stdio,id=job,signal=$signal" \
		-serial "file:log/$name.console" -serial chardev:job \
		-serial "file:log/$name.status" 8>&-
}

# uml_memory_dir: where a file with the guest's memory fits and may be executed,
# in memory if possible.
uml_memory_dir() {
	local dir left need

	need=$(($(numfmt --from=iec "$memory") >> 20))
	for dir in /dev/shm /tmp "$work"; do
		[ -w "$dir" ] || continue
		! findmnt -no OPTIONS -T "$dir" | grep -qw noexec || continue
		left=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
		[ "${left:-0}" -ge "$need" ] || continue
		echo "$dir"
		return
	done
	die "no room for $memory of guest memory; /dev/shm, /tmp or $OUT must" \
	    "have it"
}

# UML has the same three serial lines, as descriptors of its process.
boot_uml() {
	local dir

	dir=$(uml_memory_dir) || exit 1
	# shellcheck disable=SC2086  # parameters are words
	TMPDIR=$dir timeout --foreground -k 5 "$limit" "$kernel" uml_dir="$work/" \
		mem="$memory" initrd="$initrd" noreboot con=null \
		ssl=null ssl0=null,fd:3 ssl1=null,fd:4 ssl2=null,fd:5 \
		"${common_args[@]}" $append \
		3>"$console" 4>&1 5>"$status_file" >"$LOGS/$name.uml" 2>&1 8>&-
}

# show_splats: is there a report from the time since the modules were loaded?
# (6.1's User Mode Linux has one of its own, in its first fork.)
show_splats() {
	local start splats

	start=$(grep -n -m1 'gochan-guest: loading' "$console" | cut -d: -f1)
	splats=$(tail -n "+${start:-1}" "$console" |
		grep -nE -A12 -f "$SCRIPTS/splats.txt") || return 1
	say "$name: the kernel reported a problem, log in $console"
	head -n 40 <<<"$splats" >&2
}

write_env >"$work/env"
"$SCRIPTS/mkinitramfs.sh" "$initrd" ${files[@]+"${files[@]}"} "$work/env:guest/env"
rm -f "$console" "$status_file"

rc=0
if [ -n "$uml" ]; then
	boot_uml || rc=$?
elif [ -n "$interactive" ]; then
	boot_qemu || rc=$?
else
	boot_qemu </dev/null || rc=$?
fi

status=$(sed -n 's/^exit \([0-9]*\).*/\1/p' "$status_file" 2>/dev/null || true)
if show_splats; then
	exit $SPLAT
elif [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
	say "$name: no end within ${limit}s, log in $console"
	exit $TIMED_OUT
elif [ -z "$status" ]; then
	say "$name: the guest ended early (status $rc), log in $console"
	tail -n 15 "$console" >&2 || true
	exit $NO_STATUS
fi
exit "$status"
