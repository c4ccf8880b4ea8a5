#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Print the kernel tree to build against: that of the running kernel, or else
# the newest one installed.
set -euo pipefail

running=/lib/modules/$(uname -r)/build
if [ -e "$running/Makefile" ]; then
	echo "$running"
	exit
fi

# Newest by release, whichever of the two places it was found in; a build for
# real time or clouds only if it is what runs.
newest=$(for dir in /lib/modules/*/build /usr/src/linux-headers-*-amd64; do
	[ -e "$dir/Makefile" ] || continue
	case ${dir%/build} in *-rt-amd64 | *-cloud-amd64) continue ;; esac
	release=${dir#/usr/src/linux-headers-}
	release=${release#/lib/modules/}
	echo "${release%/build} $dir"
done | sort -V | tail -n 1)
if [ -z "$newest" ]; then
	echo "no headers of the running kernel or any other are installed;" \
		"run scripts/deps.sh, or set KDIR to a configured kernel tree" >&2
	exit 1
fi
echo "the running kernel has no headers here, building for ${newest%% *}" >&2
echo "${newest#* }"
