#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Job: run the benchmark programs one after the other.
. /guest/lib.sh
. /guest/env

failed=0
for program in $PROGRAMS; do
	"/bench/$program" || failed=1
done
unload_modules || failed=1
exit $failed
