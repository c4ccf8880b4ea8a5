#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# uml-probe.sh KERNEL: can this User Mode Linux reach its user space here? It
# lives on what the host's ptrace(), processor and /dev/shm offer, so that some
# machines cannot run it. Exit status 1, and one sentence on stdout, if not.
#
#   GOCHAN_UML=no     say no, to see what such a machine does
set -euo pipefail
. "$(dirname "$0")/lib.sh"

kernel=$1
console=$LOGS/uml-probe.console
log=$LOGS/uml-probe.uml

# reason STATUS: the line of its logs that says most about its end.
reason() {
	local line

	line=$(grep -hsE -m1 'FP state|errno' "$log" "$console" | head -n 1)
	[ -n "$line" ] ||
		line=$(grep -hs 'Kernel panic' "$console" "$log" | head -n 1)
	[ -n "$line" ] || line=$(grep -s . "$log" | tail -n 1)
	[ -n "$line" ] || line="it ended without a word, status $1"
	sed -e 's/\r//g' -e 's/^\[ *[0-9.]*\] //' <<<"$line"
}

rc=0
rm -f "$console" "$log"
if [ "${GOCHAN_UML:-}" = no ]; then
	echo "User Mode Linux cannot run on this processor: GOCHAN_UML=no says so"
	exit 1
fi
"$SCRIPTS/vm-run.sh" --name uml-probe --uml --kernel "$kernel" --job true \
	--time 120 >"$LOGS/uml-probe.output" 2>&1 || rc=$?
[ "$rc" = 0 ] && exit
echo "User Mode Linux cannot run on this processor: $(reason "$rc")"
exit 1
