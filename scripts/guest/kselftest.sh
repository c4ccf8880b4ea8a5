#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Job: run the selftest programs one after the other. Lines that start with @
# are for the host, which splits the output by program.
. /guest/lib.sh
. /guest/env

export GOCHAN_TEST_SCALE="$SCALE"
cd /selftests || exit 1
# KUnit first where there is one, as its suites want an untouched core.
if [ -e /modules/gochan_kunit.ko ] && [ -n "$WITH_KUNIT" ]; then
	KEEP_MODULES=y /guest/kunit.sh
	unload gochan_kunit
fi
# The sample driver has a program of its own.
insmod /modules/gochan_timer.ko || exit 1
for program in $PROGRAMS; do
	echo "@begin $program"
	timeout "$PROGRAM_LIMIT" setsid "./$program"
	status=$?
	# On a line of its own, whatever the program left behind.
	printf '\n@end %s %s\n' "$program" "$status"
	# A program that was ended leaves its children behind.
	[ $status -lt 124 ] || kill_others
done
finish
