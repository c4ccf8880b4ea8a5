#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-kernel.sh FLAVOUR [headers]: build one of the test kernels in the cache,
# if it is not there yet, and print its build directory. With "headers", only
# what modules are compiled against, which takes seconds.
#
#   uml, uml-debug       User Mode Linux of the stock kernel's version
#   qemu                 x86-64 of that version, with KUnit
#   qemu-debug           the same with all checkers
#   matrix-SERIES        x86-64 of another series (6.12, 7.3) without them
#   i386                 32-bit x86 of the stock kernel's version
#
# Exit status 3: the mirror has no sources of that series.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

flavour=${1:?which flavour} part=${2:-kernel}
series='' arch=x86_64 image=bzImage
case $flavour in
uml)		fragments=(base uml) arch=um image=linux ;;
uml-debug)	fragments=(base uml debug) arch=um image=linux ;;
qemu)		fragments=(base x86) ;;
qemu-debug)	fragments=(base x86 debug debug-x86) ;;
i386)		fragments=(base x86 i386) arch=i386 ;;
matrix-*)	fragments=(base x86) series=${flavour#matrix-} ;;
*)		die "no such kernel flavour: $flavour" ;;
esac
fragments=("${fragments[@]/#/$SCRIPTS/configs/}")
fragments=("${fragments[@]/%/.config}")

# check_config CONFIG FRAGMENT...: Kconfig drops what it cannot satisfy without
# a word, and a checker that is silently off finds nothing. A later fragment
# overrules an earlier one.
check_config() {
	local config=$1 line name bad=0
	shift

	while read -r line; do
		name=${line%%=*}
		case $line in
		*=n)	! grep -q "^$name=" "$config" ;;
		*)	grep -qxF "$line" "$config" ;;
		esac && continue
		say "$flavour: wanted $line, got $(grep -w "$name" "$config" ||
			echo "no such option")"
		bad=1
	done < <(awk -F= '/^CONFIG_/ { line[$1] = $0 }
		END { for (name in line) print line[name] }' "$@")
	[ "$bad" = 0 ] ||
		die "the configuration of $flavour is not what it should be;" \
		    "correct scripts/configs"
}

configure() {
	cd "$source"
	# The build directory must not be configured by the caller's variables.
	env -u MAKEFLAGS -u KCONFIG_CONFIG ARCH=$arch \
		scripts/kconfig/merge_config.sh -n -O "$dir" "${fragments[@]}"
}

# patch_source FROM TO PATCH...: patched sources are a tree of their own, since
# other kernels are built from FROM. Files are shared but for those that change:
# patch(1) replaces a file and does not write into it. Sources that no longer fit
# are built as they are: perhaps they have no need any more, and if they do, the
# tests find that the kernel does not run.
patch_source() {
	local from=$1 to=$2 patch rc
	shift 2

	[ ! -e "$to" ] || return 0
	rm -rf "$to.tmp"
	mkdir -p "$to.tmp"
	cp -al "$from/." "$to.tmp" 2>/dev/null || {
		rm -rf "$to.tmp"
		mkdir "$to.tmp"
		cp -a "$from/." "$to.tmp"
	}
	for patch; do
		rc=0
		patch -s -d "$to.tmp" -p1 <"$patch" >&2 || rc=$?
		[ "$rc" != 0 ] || continue
		# 1 is for what does not fit, more for other trouble.
		[ "$rc" = 1 ] || die "cannot patch $to.tmp; see above"
		say "$patch does not apply to $from, which is built without it"
		rm -rf "$to.tmp"
		return
	done
	mv -T "$to.tmp" "$to"
}

# Built in place, so that an interrupted build goes on where it stopped; the
# stamp says that it is complete.
build() {
	local stamp=$dir/.complete targets=("$image" modules)

	if [ "$part" = headers ]; then
		stamp=$dir/.headers targets=(modules_prepare)
	fi
	[ ! -e "$stamp" ] && [ ! -e "$dir/.complete" ] || return 0
	mkdir -p "$dir"
	run_logged "configure $flavour" "$LOGS/config-$flavour.log" configure ||
		die "cannot configure $flavour; see the log"
	check_config "$dir/.config" "${fragments[@]}"
	run_logged "$part $flavour" "$LOGS/$part-$flavour.log" \
		make -C "$source" O="$dir" ARCH=$arch -j"$(jobs_wanted)" \
		"${targets[@]}" ||
		die "cannot build the $flavour kernel; see the log"
	touch "$stamp"
}

# shellcheck disable=SC2086  # no series, no argument
source=$("$SCRIPTS/fetch.sh" source $series) || exit $?
base=$(basename "$source")
# scripts/patches/ARCH-SERIES-NAME.patch: what that series needs on that
# architecture.
version=$(sed -n 's/^VERSION = //p;s/^PATCHLEVEL = //p' "$source/Makefile" |
	paste -sd.)
patches=()
for patch in "$SCRIPTS/patches/$arch-$version"-*.patch; do
	[ ! -e "$patch" ] || patches+=("$patch")
done
if [ ${#patches[@]} != 0 ]; then
	patched=$CACHE/patched/$arch-$base-$(short_hash "${patches[@]}")
	with_lock "${patched##*/}" patch_source "$source" "$patched" \
		"${patches[@]}"
	# The key below names what is built.
	if [ -e "$patched" ]; then
		source=$patched
	else
		patches=()
	fi
fi
key=$(short_hash "${fragments[@]}" ${patches[@]+"${patches[@]}"} <(gcc --version))
dir=$CACHE/kernel/$flavour-$base-$key
[ -e "$dir/.complete" ] || with_lock "kernel-${dir##*/}" build
echo "$dir"
