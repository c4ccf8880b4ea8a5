# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers shared by the scripts here. Source it after "set -euo pipefail".

# What make passes down is meant for one build, not for those started here.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES W C O M ARCH KCFLAGS

# The three places that scripts write to:
#   CACHE  kernels, sources and packages, shared by all checkouts
#   OUT    everything that belongs to this checkout
#   LOGS   one log per step and per boot
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # used by those who source this
SCRIPTS=$REPO/scripts
CACHE=${GOCHAN_CACHE:-${HOME:-}/.cache/gochan}
case $CACHE in
/*)	;;
*)	CACHE=$PWD/$CACHE ;;
esac
OUT=$REPO/out

# An interrupt ends the whole chain of scripts, also when the program that ran
# at that moment (QEMU, say) took it for an orderly request to stop.
trap 'exit 130' INT TERM

# One clear sentence that names what is missing and the next step.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# for_make PATH: can make(1) and Kbuild take it? Both split names at spaces.
for_make() {
	case $1 in
	*[!A-Za-z0-9/._+,=@%~-]*)	return 1 ;;
	esac
}

# need_room DIR ADVICE: a full disk shows in many ways; say what it is.
need_room() {
	local left

	left=$(df -Pm "$1" 2>/dev/null | awk 'NR == 2 { print $4 }') || true
	[ "${left:-64}" -ge 64 ] ||
		die "the disk that has $1 is full ($left MB left); $2"
}

set_places() {
	local elsewhere

	[ -n "${GOCHAN_CACHE:-}${HOME:-}" ] ||
		die "HOME is not set; set it, or GOCHAN_CACHE, a directory for kernels"
	for_make "$CACHE" ||
		die "kernels cannot be built in '$CACHE', make would take the" \
		    "name apart; set GOCHAN_CACHE to one without spaces"
	{ mkdir -p "$CACHE/locks" && [ -w "$CACHE" ]; } 2>/dev/null ||
		die "cannot write to $CACHE; set GOCHAN_CACHE to a directory" \
		    "for kernels"
	# Nor can modules be built in such a checkout: out is a link then.
	if ! for_make "$OUT"; then
		elsewhere=$CACHE/checkouts/$(short_hash <(echo "$REPO"))
		mkdir -p "$elsewhere"
		[ -d "$OUT" ] || ln -sfT "$elsewhere" "$OUT" 2>/dev/null || true
		OUT=$elsewhere
	fi
	LOGS=$OUT/log
	{ mkdir -p "$LOGS" && [ -w "$OUT" ] && [ -w "$LOGS" ]; } 2>/dev/null ||
		die "cannot write to $OUT; make the directory yours, or remove it"
	need_room "$CACHE" "make room, or set GOCHAN_CACHE to a directory elsewhere"
	need_room "$OUT" "make room there"
}

# one_run: wait until no other run uses this checkout, whose out/ has one of
# everything. For the scripts that make starts, not those that they start.
one_run() {
	exec 8>"$OUT/lock"
	flock -n 8 && return
	say "waiting for another run in this checkout"
	flock 8
}

# Progress goes to stderr, so that stdout carries results only.
say() {
	printf '[%4ds] %s\n' "$SECONDS" "$*" >&2
}

have() {
	command -v "$1" >/dev/null 2>&1
}

jobs_wanted() {
	nproc 2>/dev/null || echo 1
}

# report_progress LABEL LOG: until killed, say how far LOG has got. A terminal
# gets one line that is rewritten; a log file gets a line every 30 seconds.
report_progress() {
	local label=$1 log=$2 owner=$$ start=$SECONDS objects spent

	while sleep 1 && kill -0 "$owner" 2>/dev/null; do
		spent=$((SECONDS - start))
		objects=$(grep -cE '^ +(CC|LD|AS|AR|HOSTCC)\b' "$log" || true)
		[ "$objects" = 0 ] || objects=", $objects objects"
		if [ -t 2 ]; then
			printf '\r[%4ds] %s: %ds%s ' "$SECONDS" "$label" \
				"$spent" "${objects#0}" >&2
		elif [ $((spent % 30)) = 0 ]; then
			say "$label: ${spent}s${objects#0}"
		fi
	done
}

# run_logged LABEL LOG COMMAND...: run a long step with its output in LOG. If
# it fails, show the end of the log and where the rest is.
run_logged() {
	local label=$1 log=$2 start=$SECONDS reporter rc=0
	shift 2

	mkdir -p "$(dirname "$log")"
	: >"$log"
	report_progress "$label" "$log" &
	reporter=$!
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	kill "$reporter" 2>/dev/null || true
	wait "$reporter" 2>/dev/null || true
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$rc" != 0 ]; then
		say "$label: failed after $((SECONDS - start))s, log in $log"
		grep -nE '(error|ERROR|warning):|Error [0-9]' "$log" |
			head -n 20 >&2 || tail -n 20 "$log" >&2
		need_room "$CACHE" "make room, or set GOCHAN_CACHE to a directory elsewhere"
		need_room "$OUT" "make room there"
		return "$rc"
	fi
	say "$label: done in $((SECONDS - start))s"
}

# with_lock NAME COMMAND...: two checkouts may fill the same cache at once.
with_lock() {
	local lock=$CACHE/locks/$1 fd
	shift

	mkdir -p "${lock%/*}"
	exec {fd}>"$lock"
	if ! flock -n "$fd"; then
		say "waiting for another run that holds $lock"
		flock "$fd"
	fi
	"$@" {fd}>&-
	exec {fd}>&-
}

# apt_update [SUDO]...: refresh apt's lists. Another process may hold them, and
# apt does not wait for that by itself.
apt_update() {
	local tries rc=1

	for tries in 5 4 3 2 1 0; do
		run_logged "apt-get update" "$LOGS/apt-update.log" \
			"$@" env LC_ALL=C apt-get -q update && return
		rc=$?
		grep -q 'Could not get lock' "$LOGS/apt-update.log" || break
		[ "$tries" != 0 ] || break
		say "another process holds apt's lists, trying again"
		sleep 10
	done
	return $rc
}

# short_hash FILE...: names a cache entry after what it was made from.
short_hash() {
	cat "$@" | sha256sum | cut -c1-12
}

# module_files BUILD-DIRECTORY: --add arguments, one per line, that put the
# modules of a build into a guest.
module_files() {
	local build=$1 module

	for module in kmod/core/gochan_core kmod/dev/gochan; do
		[ -e "$build/$module.ko" ] ||
			die "$module.ko was not built; see the log in $LOGS"
	done
	for module in kmod/core/gochan_core kmod/dev/gochan \
		kmod/samples/gochan_timer kmod/samples/gochan_flows \
		kunit/gochan_kunit; do
		[ ! -e "$build/$module.ko" ] ||
			printf '%s\n' --add \
				"$build/$module.ko:modules/${module##*/}.ko"
	done
}

# newest PATH...: the one with the highest version that exists, or nothing.
newest() {
	local path

	for path; do
		case $path in
		*.tmp)	;;
		*)	[ ! -e "$path" ] || echo "$path" ;;
		esac
	done | sort -V | tail -n 1
}

# stock_headers_in DIRECTORY: the headers there of Debian's ordinary kernels, not
# of the other builds of the same sources, such as 6.1.0-N-rt-amd64.
stock_headers_in() {
	local dir

	for dir in "$1"/linux-headers-[0-9]*-amd64; do
		case $dir in
		*-rt-amd64 | *-cloud-amd64)	;;
		*)				echo "$dir" ;;
		esac
	done
}

# The newest installed stock headers, as a release such as 6.1.0-N-amd64.
stock_release() {
	local dir dirs

	mapfile -t dirs < <(stock_headers_in /usr/src)
	dir=$(newest "${dirs[@]}")
	[ -n "$dir" ] ||
		die "no stock kernel headers are installed; run scripts/deps.sh"
	echo "${dir#/usr/src/linux-headers-}"
}

# What to build against for the stock kernel; a kernel of the user's own comes
# as VMLINUZ together with KDIR.
stock_headers() {
	if [ -n "${VMLINUZ:-}" ]; then
		echo "${KDIR:?is not set; name the tree that VMLINUZ was built from}"
	else
		echo "/usr/src/linux-headers-$(stock_release)"
	fi
}

set_places
