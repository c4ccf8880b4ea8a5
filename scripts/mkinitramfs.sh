#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mkinitramfs.sh IMAGE [SOURCE:TARGET]...: pack busybox, the guest scripts and
# the given files (or directories' contents, if SOURCE ends in /) into IMAGE.
# Uncompressed, since an emulated guest unpacks slower than it reads.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

image=$1
shift
busybox=$(command -v busybox) || die "busybox is missing; run scripts/deps.sh"
stage=$(mktemp -d "$OUT/initramfs.XXXXXX")
trap 'rm -rf "$stage"' EXIT

# This becomes the guest's root, where plain users have to get along too.
chmod 755 "$stage"
mkdir -p "$stage"/{bin,guest,modules,selftests,demo}
cp "$busybox" "$stage/bin/busybox"
cp "$SCRIPTS"/guest/* "$stage/guest/"
mv "$stage/guest/init" "$stage/init"
for pair; do
	source=${pair%:*}
	target=$stage/${pair##*:}
	[ -e "$source" ] || die "$source is missing; it should go into the guest"
	mkdir -p "$(dirname "$target")"
	cp -rT "$source" "$target"
done
# mktemp keeps others out; in the guest this is the root directory.
chmod 755 "$stage"
(cd "$stage" && find . | cpio -o -H newc -R 0:0 --quiet) >"$image.tmp"
mv "$image.tmp" "$image"
