#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# build-modules.sh FLAVOUR KDIR [MAKE-ARGUMENT]...: build the modules against
# KDIR in out/build/FLAVOUR and print that directory. Each flavour has a copy
# of the sources, so that one checkout can be built for several kernels, and
# again after a change without starting over.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

flavour=$1 kdir=$2
shift 2
copy=$OUT/build/$flavour
mkdir -p "$copy"

# Files that Kbuild made are excluded on both sides: neither copied from an
# in-place build nor deleted from the earlier build of this flavour. A file that
# changes gets the time of its copy: one that was edited during a build would be
# older than its object, and make would leave that as it is.
sources=()
for part in Kbuild include kmod kunit scripts Documentation README.md; do
	[ ! -e "$REPO/$part" ] || sources+=("$REPO/$part")
done
rsync -rlpc --delete --exclude '*.o' --exclude '*.ko' --exclude '*.mod' \
	--exclude '*.mod.c' --exclude '.*' --exclude 'Module.symvers' \
	--exclude 'modules.order' --exclude /kunit/examples "${sources[@]}" "$copy/"

# A module that Kbuild no longer makes must not be found and tested.
find "$copy" -name '*.ko' -delete

run_logged "modules for $flavour" "$LOGS/modules-$flavour.log" \
	make -C "$kdir" M="$copy" -j"$(jobs_wanted)" "$@" modules ||
	die "the modules do not build for $flavour; fix what the log shows"
echo "$copy"
