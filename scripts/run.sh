#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [FILE]: boot the stock kernel with both modules and show the demo on
# FILE. Only the demo's output is on stdout.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

input=${1:-/usr/share/common-licenses/GPL-3}
[ -r "$input" ] || die "cannot read $input; name a text file with FILE="
[ -e "$REPO/tools/demo/Makefile" ] || die "there is no demo in tools/demo"

one_run
"$SCRIPTS/deps.sh"
kernel=$("$SCRIPTS/fetch.sh" image)
build=$("$SCRIPTS/build-modules.sh" stock "$(stock_headers)")
mkdir -p "$OUT/demo"
run_logged "demo" "$LOGS/build-demo.log" \
	make -C "$REPO/tools/demo" "OUTPUT=$OUT/demo" ||
	die "the demo does not build; fix what the log shows"
list=$(module_files "$build")
mapfile -t files <<<"$list"
"$SCRIPTS/vm-run.sh" --name run --kernel "$kernel" --job /guest/demo.sh \
	"${files[@]}" --add "$OUT/demo:demo" \
	--add "$REPO/tools/demo/demo.sh:demo/demo.sh" \
	--add "$input:demo/input.txt" --time 900
