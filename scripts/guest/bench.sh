#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Job: run the benchmark module, and print what it wrote to the kernel log.
. /guest/lib.sh
. /guest/env

failed=0
# shellcheck disable=SC2086  # parameters are words
insmod /modules/gochan_bench.ko $PARAMETERS || failed=1
dmesg | sed -n 's/^.*gochan_bench: //p'
unload gochan_bench || failed=1
unload_modules || failed=1
exit $failed
