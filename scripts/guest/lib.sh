# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# Helpers for jobs inside a test guest.

KMEMLEAK=/sys/kernel/debug/kmemleak

loaded() {
	grep -q "^$1 " /proc/modules
}

# report_leaks: kmemleak reports only objects older than five seconds, and a
# pointer in a register during one scan may be found in the next.
report_leaks() {
	[ -e $KMEMLEAK ] || return 0
	sleep 6
	# It turns itself off when it runs out of memory, and then finds nothing.
	if ! echo scan >$KMEMLEAK || ! echo scan >$KMEMLEAK; then
		echo "kmemleak was turned off during the run, see the kernel log"
		return 1
	fi
	[ -n "$(cat $KMEMLEAK)" ] || return 0
	cat $KMEMLEAK
	echo "gochan-guest: unreferenced object" >/dev/kmsg
	return 1
}

# kill_others: end all processes that are not of this session, also those that
# are made meanwhile. A few passes: what sleeps uninterruptibly stays.
kill_others() {
	local stat pid own

	# Fields behind the name: state, parent, group, session.
	# shellcheck disable=SC2046  # words
	set -- $(sed 's/.*) //' /proc/self/stat)
	own=$4
	for _ in 1 2 3; do
		for stat in /proc/[0-9]*/stat; do
			pid=${stat#/proc/}
			pid=${pid%/stat}
			# shellcheck disable=SC2046
			set -- $(sed 's/.*) //' "$stat" 2>/dev/null)
			# Kernel threads are number 2 and its children; what has
			# ended waits for its parent.
			[ "$pid" -le 2 ] || [ "${2:-2}" = 2 ] ||
				[ "$1" = Z ] || [ "$4" = "$own" ] ||
				kill -9 "$pid"
		done
	done
}

# lockdep_on: one report, whoever caused it, turns lockdep off, and what it
# does not find after that means nothing.
lockdep_on() {
	[ -e /proc/lockdep_stats ] || return 0
	grep -q 'debug_locks: *1' /proc/lockdep_stats && return 0
	echo "lockdep was turned off during the run, see the kernel log"
	return 1
}

# holders: print what may keep a module loaded: its references, descriptors of
# ours and rings, tasks with SIGKILL pending or on their way out, and the work of
# io_uring that ends a ring, with their stacks.
holders() {
	local task fd

	grep '^gochan' /proc/modules
	for fd in /proc/[0-9]*/fd/*; do
		case $(readlink "$fd") in
		gochan:*|/dev/gochan*|anon_inode:*io_uring*)
			ls -l "$fd" ;;
		esac
	done
	for task in /proc/[0-9]*/task/[0-9]*; do
		grep -qE '^(Sig|Shd)Pnd:.*[13579bdf][0-9a-f][0-9a-f]$|^State:.[DXZ]' \
			"$task/status" || grep -q io_ring_exit "$task/stack" ||
			continue
		grep -E "^(Name|State|Pid):" "$task/status"
		cat "$task/stack"
	done
}

# unload MODULE: and tell the host how that went.
unload() {
	loaded "$1" || return 0
	if rmmod "$1"; then
		echo "@unload ok $1"
	else
		echo "@unload failed $1"
		holders 2>/dev/null
		return 1
	fi
}

# unload_modules: every module of ours goes, users first.
unload_modules() {
	local module failed=0

	for module in gochan_kunit gochan_flows gochan_timer gochan gochan_core; do
		unload $module || failed=1
	done
	return $failed
}

# finish: what every test job ends with.
finish() {
	local failed=0

	report_leaks || failed=1
	unload_modules || failed=1
	lockdep_on || failed=1
	report_leaks || failed=1
	return $failed
}
