#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh [references]: install what building and testing need and this system
# lacks; what it has stays. On systems without apt, say what is missing and go
# on if nothing essential is. With "references", also Go and absl, whose own
# maps and channels "make bench" then measures, too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

references=${1:-}

# Packages, each with a command or file that other systems can look for; a *
# marks what only some checks need.
needed() {
	cat <<-'END'
	build-essential		cc
	linux-headers-amd64	/lib/modules
	flex			flex
	bison			bison
	bc			bc
	libelf-dev		/usr/include/libelf.h
	libssl-dev		/usr/include/openssl/ssl.h
	xz-utils		xz
	zstd			zstd
	cpio			cpio
	rsync			rsync
	kmod			depmod
	python3			python3
	perl			perl
	patch			patch
	qemu-system-x86		qemu-system-x86_64
	busybox-static		busybox
	debian-archive-keyring	*/usr/share/keyrings/debian-archive-keyring.gpg
	sparse			*sparse
	shellcheck		*shellcheck
	python3-docutils	*rst2html
	gnuplot-nox		*gnuplot
	END
	[ "$references" != references ] || cat <<-'END'
	golang-go		*go
	libabsl-dev		*/usr/include/absl/container/flat_hash_map.h
	pkg-config		*pkg-config
	END
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_missing() {
	local missing=() package sudo=()

	while read -r package _; do
		is_installed "$package" || missing+=("$package")
	done < <(needed)
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		have sudo || die "missing packages: ${missing[*]};" \
			"install them as root, there is no sudo here"
		sudo -v || die "missing packages: ${missing[*]};" \
			"install them as root, sudo does not let you"
		sudo=(sudo)
	fi
	apt_install "${missing[@]}" && return
	# Lists that are absent or older than the mirror are the usual cause.
	apt_update "${sudo[@]}" ||
		die "apt-get update failed; check the network and apt's sources"
	apt_install "${missing[@]}" ||
		die "cannot install: ${missing[*]}; see $LOGS/deps.log"
}

apt_install() {
	say "installing $*"
	run_logged "install $# packages" "$LOGS/deps.log" \
		"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=600 --no-remove \
		--no-install-recommends install "$@"
}

# 32-bit programs need the multilib package of the compiler in use: gcc-multilib
# would drive all cross compilers out. A compiler from elsewhere has none.
install_multilib() {
	local package sudo=()

	package=gcc-$(gcc -dumpversion 2>/dev/null | cut -d. -f1)-multilib
	! is_installed "$package" || return 0
	apt-cache show "$package" >/dev/null 2>&1 || {
		say "no $package here; 32-bit programs will not be tested"
		return 0
	}
	[ "$(id -u)" = 0 ] || { have sudo && sudo -v && sudo=(sudo); } || {
		say "$package is missing; 32-bit programs will not be tested"
		return 0
	}
	apt_install "$package" ||
		say "cannot install $package; 32-bit programs will not be tested"
}

report_missing() {
	local package probe missing=() optional=()

	while read -r package probe; do
		case $probe in
		\*/*)	[ -e "${probe#\*}" ] || optional+=("${probe#\*}") ;;
		\**)	have "${probe#\*}" || optional+=("${probe#\*}") ;;
		/*)	[ -e "$probe" ] || missing+=("$probe") ;;
		*)	have "$probe" || missing+=("$probe") ;;
		esac
	done < <(needed)
	[ ${#optional[@]} = 0 ] ||
		say "some checks will not run without: ${optional[*]}"
	[ ${#missing[@]} = 0 ] ||
		die "this system lacks ${missing[*]}; install what provides them"
}

if have apt-get && have dpkg-query; then
	with_lock install install_missing
	with_lock install install_multilib
else
	report_missing
fi
