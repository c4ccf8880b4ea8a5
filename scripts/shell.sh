#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# An interactive shell in the stock kernel, with the modules loaded and the
# tools at hand, as far as they have been built.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ -t 0 ] || die "a shell needs a terminal; to run one command use vm-run.sh"
one_run
"$SCRIPTS/deps.sh"
kernel=$("$SCRIPTS/fetch.sh" image)
build=$("$SCRIPTS/build-modules.sh" stock "$(stock_headers)")
list=$(module_files "$build")
mapfile -t files <<<"$list"
for part in selftests demo; do
	[ ! -d "$OUT/$part" ] || files+=(--add "$OUT/$part:$part")
done
# Other runs need not wait until the user leaves the shell.
exec 8>&-
"$SCRIPTS/vm-run.sh" --name shell --kernel "$kernel" --job /guest/shell.sh \
	"${files[@]}" --time 86400 --interactive
