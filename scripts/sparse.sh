#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# sparse.sh FLAVOUR KDIR [MAKE-ARGUMENT]...: build with sparse, which reports
# without failing, and fail on a report about our files. Exit status 77: there
# is no sparse that this kernel would use, the reason is on stdout.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

SKIPPED=77
log=$LOGS/modules-$1.log

if ! have sparse; then
	echo "sparse is not installed"
	exit $SKIPPED
fi
"$SCRIPTS/build-modules.sh" "$@" C=2 >/dev/null
if ! grep -q '^ *CHECK ' "$log"; then
	echo "this kernel wants a newer sparse"
	exit $SKIPPED
fi
! grep -E "^$OUT/build/.*(warning|error):" "$log"
