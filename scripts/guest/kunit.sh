#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Job: run the KUnit suites. Results are in the kernel log, between two marks.
. /guest/lib.sh
. /guest/env

echo "gochan-kunit: begin" >/dev/kmsg
insmod /modules/gochan_kunit.ko scale="$SCALE"
status=$?
echo "gochan-kunit: end" >/dev/kmsg
[ -n "$KEEP_MODULES" ] || finish || status=1
exit $status
