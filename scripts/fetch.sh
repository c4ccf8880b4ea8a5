#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bring a kernel image or kernel sources into the cache and print where they
# are. Packages are unpacked, never installed.
#
#   fetch.sh image            the stock image for the installed headers
#   fetch.sh image rt         Debian's PREEMPT_RT build of that same version
#   fetch.sh headers rt       and its headers
#   fetch.sh source           sources of that same version
#   fetch.sh source 6.12      newest sources of that series, from any suite
#                             that the configured mirror offers
#
# Exit status 3: the mirror does not offer it (the caller may skip).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

NOT_OFFERED=3

need_apt() {
	{ have apt-get && have dpkg; } ||
		die "kernel packages need apt-get and dpkg; on this system set" \
		    "KDIR, VMLINUZ and KSRC to a kernel of your own"
}

# An entry appears under its final name only once it is complete.
publish() {
	local from=$1 to=$2

	rm -rf "$to"
	mv -T "$from" "$to"
}

# unpack_package DIR APT-OPTIONS -- PACKAGE[=VERSION]
unpack_package() {
	local dir=$1 opts=()
	shift

	while [ "$1" != -- ]; do
		opts+=("$1")
		shift
	done
	shift
	mkdir -p "$dir"
	(
		cd "$dir" &&
		apt-get -q -o APT::Sandbox::User=root \
			-o Acquire::Retries=3 "${opts[@]}" download "$1" &&
		dpkg -x ./*.deb . &&
		rm ./*.deb
	)
}

fetch_image() {
	local release=$1 entry=$2 tmp=$2.tmp

	[ ! -e "$entry" ] || return 0
	rm -rf "$tmp"
	refresh_lists "linux-image-$release"
	run_logged "stock kernel $release" "$LOGS/fetch-image.log" \
		unpack_package "$tmp" -- "linux-image-$release" ||
		die "cannot download linux-image-$release; if the mirror has" \
		    "dropped it, run apt-get update and upgrade linux-headers-amd64"
	publish "$tmp" "$entry"
}

# Older series have the image in boot, newer ones beside the modules.
image_file() {
	local release=$1 entry=$CACHE/image/$1 file

	file=$(newest "$entry/boot/vmlinuz-$release" \
		"$entry/usr/lib/modules/$release/vmlinuz" \
		"$entry/lib/modules/$release/vmlinuz")
	[ -n "$file" ] ||
		die "linux-image-$release has no kernel where this script looks;" \
		    "see $entry"
	echo "$file"
}

# The headers of a build other than the installed one. They name each other and
# the build tools by absolute paths, which are made relative; the tools are
# those of the installed headers, which have the same version.
fetch_headers() {
	local release=$1 entry=$2 tmp=$2.tmp base=${1%-*-amd64} kind package
	local kbuild

	[ ! -e "$entry" ] || return 0
	rm -rf "$tmp"
	kind=${release#"$base"-}
	for package in "$release" "$base-common-${kind%-amd64}"; do
		run_logged "headers $package" "$LOGS/fetch-headers.log" \
			unpack_package "$tmp" -- "linux-headers-$package" ||
			die "cannot download linux-headers-$package; run" \
			    "apt-get update"
	done
	sed -i 's|/usr/src/|../|' "$tmp/usr/src/linux-headers-$release/Makefile"
	kbuild=$(readlink -f "/usr/src/linux-headers-$(stock_release)/scripts")
	kbuild=${kbuild%/scripts}
	mkdir -p "$tmp/usr/lib"
	ln -s "$kbuild" "$tmp/usr/lib/${kbuild##*/}"
	publish "$tmp" "$entry"
}

# A build of the stock version beside the ordinary one; the mirror may lack it.
other_release() {
	local release

	release=$(stock_release)
	release=${release%-amd64}-$1-amd64
	if [ ! -e "$CACHE/image/$release" ]; then
		refresh_lists "linux-image-$release"
		apt-cache show "linux-image-$release" >/dev/null 2>&1 ||
			exit $NOT_OFFERED
	fi
	echo "$release"
}

# fetch_source ENTRY PACKAGE VERSION APT-OPTIONS...
fetch_source() {
	local entry=$1 package=$2 version=$3 tmp=$1.tmp tarball
	shift 3

	[ ! -e "$entry" ] || return 0
	rm -rf "$tmp"
	run_logged "download $package $version" "$LOGS/fetch-$package.log" \
		unpack_package "$tmp/pkg" "$@" -- "$package=$version" ||
		die "cannot download $package $version; run apt-get update," \
		    "and upgrade linux-headers-amd64 if it is older than the mirror"
	tarball=$(echo "$tmp"/pkg/usr/src/linux-source-*.tar.*)
	mkdir "$tmp/tree"
	run_logged "unpack $package" "$LOGS/unpack-$package.log" \
		tar -C "$tmp/tree" --strip-components=1 -xf "$tarball"
	publish "$tmp/tree" "$entry"
	rm -rf "$tmp"
}

# Package lists are refreshed only if they do not know the package.
refresh_lists() {
	local sudo=()

	apt-cache show "$1" >/dev/null 2>&1 && return
	if [ "$(id -u)" != 0 ]; then
		{ have sudo && sudo -v; } ||
			die "apt does not know $1; run apt-get update as root"
		sudo=(sudo)
	fi
	apt_update "${sudo[@]}" ||
		die "apt-get update failed; check the network and apt's sources"
}

# Options for a private apt state that knows suites the host does not use.
# The mirror is whatever the host's own apt has for its main archive.
backports_options() {
	local dir=$CACHE/apt

	printf '%s\n' -o "Dir::Etc::sourcelist=$dir/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null \
		-o "Dir::State::lists=$dir/lists" \
		-o "Dir::Cache=$dir/cache"
}

refresh_backports() {
	local dir=$CACHE/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	local site suite sites

	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	# The main archive is the site that carries the plain release suite.
	# shellcheck disable=SC2016  # apt expands these
	sites=$(apt-get indextargets --format '$(SITE) $(RELEASE)' \
		'Created-By: Packages' | sort -u)
	site=$(awk '$2 !~ /-/ && /debian/ { print $1; exit }' <<<"$sites")
	[ -n "$site" ] || return 0
	[ -e "$dir/fresh" ] && [ -z "$(find "$dir/fresh" -mtime +0)" ] && return
	for suite in bookworm-backports trixie-backports; do
		echo "deb [signed-by=$keyring] $site $suite main"
	done >"$dir/sources.list"
	mapfile -t opts < <(backports_options)
	# A suite that is gone fails the update, too, and shows as a missing
	# package below; only a full success is good for a day.
	if run_logged "package lists of later suites" \
		"$LOGS/apt-backports.log" \
		apt-get -q "${opts[@]}" -o APT::Sandbox::User=root update; then
		touch "$dir/fresh"
	fi
}

stock_source() {
	local release version entry

	release=$(stock_release)
	version=$(dpkg-query -W -f '${Version}' "linux-headers-$release")
	entry=$CACHE/src/linux-source-${version%%-*}-${version#*-}
	if [ ! -e "$entry" ]; then
		refresh_lists "linux-source-${version%.*}"
		with_lock source fetch_source "$entry" \
			"linux-source-${version%.*}" "$version"
	fi
	echo "$entry"
}

series_source() {
	local package=linux-source-$1 version entry opts

	entry=$(newest "$CACHE/src/$package".[0-9]*)
	if [ -z "$entry" ]; then
		with_lock apt refresh_backports
		mapfile -t opts < <(backports_options)
		version=$(apt-cache "${opts[@]}" madison "$package" \
			2>/dev/null | awk '{ print $3 }' | sort -V | tail -n 1)
		[ -n "$version" ] || exit $NOT_OFFERED
		entry=$CACHE/src/linux-source-${version%%-*}-${version#*-}
		with_lock source fetch_source "$entry" "$package" "$version" \
			"${opts[@]}"
	fi
	echo "$entry"
}

mkdir -p "$CACHE/src" "$CACHE/image" "$CACHE/headers"
case ${1:-} in
image)
	if [ -z "${2:-}" ] && [ -n "${VMLINUZ:-}" ]; then
		echo "$VMLINUZ"
		exit
	fi
	need_apt
	if [ -n "${2:-}" ]; then
		release=$(other_release "$2") || exit $?
	else
		release=$(stock_release)
	fi
	with_lock image fetch_image "$release" "$CACHE/image/$release"
	image_file "$release"
	;;
headers)
	need_apt
	release=$(other_release "${2:?which build}") || exit $?
	with_lock headers fetch_headers "$release" "$CACHE/headers/$release"
	echo "$CACHE/headers/$release/usr/src/linux-headers-$release"
	;;
source)
	if [ -z "${2:-}" ] && [ -n "${KSRC:-}" ]; then
		echo "$KSRC"
		exit
	fi
	need_apt
	if [ -z "${2:-}" ]; then
		stock_source
	else
		series_source "$2"
	fi
	;;
*)
	die "usage: fetch.sh image [rt] | headers rt | source [SERIES]"
	;;
esac
