# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What a tier may cost, in this one place. Stress counts are percentages of
# what the tests do by default: emulation with all checkers on is about a
# hundred times slower than native code. Times are limits in seconds, far
# above what a healthy run takes.

# tier_scale TIER: percent of the default stress counts.
tier_scale() {
	case $1 in
	qemu-debug)	echo 5 ;;
	qemu | matrix-*)	echo 25 ;;
	*)		echo 100 ;;
	esac
}

# tier_limit TIER: longest time that one boot may take.
tier_limit() {
	case $1 in
	qemu-debug)	echo 2700 ;;
	uml | uml-debug)	echo 1800 ;;
	*)		echo 900 ;;
	esac
}

# tier_program_limit TIER: longest time that one selftest program may take.
tier_program_limit() {
	case $1 in
	qemu-debug)	echo 600 ;;
	*)		echo 300 ;;
	esac
}

# tier_memory TIER: guest memory; the less there is to scan, the sooner
# kmemleak is done.
tier_memory() {
	case $1 in
	qemu-debug)	echo 640M ;;
	*)		echo 1G ;;
	esac
}
