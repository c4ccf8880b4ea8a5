#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Static checks: each prints a line, and what to do if it fails. All of them
# run even if an early one fails.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

one_run
"$SCRIPTS/deps.sh"
cd "$REPO"
source=$("$SCRIPTS/fetch.sh" source)
work=$OUT/check
mkdir -p "$work"
failed=()
SKIPPED=77

# optional TOOL: outside Debian, a check without its tool is skipped.
optional() {
	have "$1" && return
	echo "$1 is not installed"
	return $SKIPPED
}

# check NAME ADVICE FUNCTION: its output is shown only if it fails. The shell
# does not stop at errors inside, so each function returns its own verdict.
check() {
	local name=$1 advice=$2 log=$LOGS/check-${1// /-}.log rc=0

	"$3" >"$log" 2>&1 || rc=$?
	if [ "$rc" = 0 ]; then
		say "$name: ok"
	elif [ "$rc" = $SKIPPED ]; then
		say "$name: skipped, $(tail -n 1 "$log")"
	else
		head -n 60 "$log" >&2
		say "$name: FAILED ($advice; log in $log)"
		failed+=("$name")
	fi
}

# c_files DIRECTORY...: C files, but not those that Kbuild makes.
c_files() {
	local dir dirs=()

	for dir; do
		[ ! -d "$dir" ] || dirs+=("$dir")
	done
	find "${dirs[@]}" -name '*.[ch]' ! -name '*.mod.c' | sort
}

checkpatch() {
	local file bad=0 ignore

	while read -r file; do
		ignore=()
		case $file in
		*/compat.h)
			# The one place that compares kernel versions; the
			# version of the kernel looks like a constant.
			ignore=(LINUX_VERSION_CODE CONSTANT_COMPARISON)
			;;
		include/linux/*)
			# Macros that define functions for a caller's types
			# use names and types, which have no side effects.
			ignore=(MACRO_ARG_REUSE MACRO_ARG_PRECEDENCE)
			;;
		*/map_key.h)
			# So does one there, of names and parameters: a function
			# cannot be in parentheses.
			ignore=(COMPLEX_MACRO MACRO_ARG_REUSE)
			;;
		esac
		ignore=("${ignore[@]/#/--ignore=}")
		# With a repository it asks a Python script about each licence,
		# whose modules are not everywhere, and whose complaints about
		# that fill the log.
		GIT_DIR=/nonexistent perl "$source/scripts/checkpatch.pl" --root="$source" \
			--strict --terse --show-types --no-summary \
			"${ignore[@]}" -f "$file" || bad=1
	done < <(c_files include kmod kunit tools)
	return $bad
}

# Warnings of W=1 are errors, for the stock kernel and, because only that has
# KUnit, for User Mode Linux.
warnings() {
	"$SCRIPTS/build-modules.sh" check "$(stock_headers)" \
		W=1 KCFLAGS=-Werror &&
	"$SCRIPTS/build-modules.sh" check-uml "$uml" ARCH=um \
		W=1 KCFLAGS=-Werror
}

# With the flags of the build above, so that only sparse has work to do.
sparse_check() {
	"$SCRIPTS/sparse.sh" check "$(stock_headers)" \
		W=1 KCFLAGS=-Werror &&
	"$SCRIPTS/sparse.sh" check-uml "$uml" ARCH=um \
		W=1 KCFLAGS=-Werror
}

# On a 32-bit kernel, dividing 64 bits with a plain "/" calls a function of
# gcc's library, which the kernel has not, and the module does not load. There
# is no kernel here whose symbols modpost could compare with.
i386() {
	local kdir build

	kdir=$("$SCRIPTS/build-kernel.sh" i386 headers) &&
	build=$("$SCRIPTS/build-modules.sh" check-i386 "$kdir" ARCH=i386 \
		W=1 KCFLAGS=-Werror KBUILD_MODPOST_WARN=1) || return 1
	[ -e "$build/kmod/core/gochan_core.ko" ] || return 1
	! find "$build" -name '*.ko' -exec nm -Au {} + |
		grep -E ' U __[a-z]+[sdt]i[0-9]$'
}

kernel_doc() {
	local out

	# The tool counts warnings in an exit status of eight bits.
	out=$(c_files include/linux kmod |
		xargs perl "$source/scripts/kernel-doc" -none -Werror 2>&1) ||
		out+=$'\n'"warning: exit status"
	echo "$out"
	! grep -qiE 'warning|error' <<<"$out"
}

# Every example in the documentation is run by a test.
examples() {
	"$SCRIPTS/extract-examples.py" . check
}

reference() {
	"$SCRIPTS/check-docs.py" reference "perl $source/scripts/kernel-doc"
}

rst_syntax() {
	if ! python3 -c 'import docutils' 2>/dev/null; then
		echo "docutils is not installed"
		return $SKIPPED
	fi
	"$SCRIPTS/check-docs.py" syntax
}

# What has the wrong type must not compile.
compile_fail() {
	"$SCRIPTS/compile-fail.sh" tools/testing/compile/*.c
}

# 32-bit programs: the directory of asm/ is the same, but -m32 leaves it out.
m32=(-m32 -idirafter "/usr/include/$(gcc -print-multiarch)")

# The header must stand alone, in C and C++, without a hole in any struct.
uapi_compile() {
	local flags language bad=0

	echo '#include <linux/gochan.h>' >"$work/uapi.c"
	for flags in -m64 "${m32[*]}"; do
		# shellcheck disable=SC2086  # flags are words
		gcc $flags -std=c11 "${user_flags[@]}" -Wpadded \
			-x c "$work/uapi.c" || bad=1
		for language in c++11 c++20; do
			# shellcheck disable=SC2086
			g++ $flags -std=$language "${user_flags[@]}" \
				-x c++ "$work/uapi.c" || bad=1
		done
	done
	return $bad
}

# A 64-bit program writes down its layout, a 32-bit compilation compares.
uapi_layout() {
	python3 "$SCRIPTS/layout.py" include/uapi/linux/gochan.h \
		>"$work/layout.c" &&
	gcc -Iinclude/uapi -o "$work/layout" "$work/layout.c" &&
	"$work/layout" >"$work/layout32.c" &&
	grep -q sizeof "$work/layout32.c" &&
	gcc "${m32[@]}" -Iinclude/uapi -include stddef.h -include linux/gochan.h \
		-fsyntax-only "$work/layout32.c"
}

# The memory model's verdict on the barriers.
litmus() {
	tools/memory-model/run.sh "$source"
}

shell_scripts() {
	local files

	optional shellcheck || return
	mapfile -t files < <(grep -rlE '^#!/bin/(ba)?sh|shellcheck shell=' \
		scripts .ci tools 2>/dev/null)
	shellcheck -x -P SCRIPTDIR -e SC1091 "${files[@]}"
}

user_flags=(-Iinclude/uapi -Wall -Wextra -pedantic -Werror -fsyntax-only)
uml=$("$SCRIPTS/build-kernel.sh" uml)
check checkpatch "follow the kernel's coding style" checkpatch
check "W=1 build" "fix the compiler's warnings" warnings
check sparse "fix what sparse reports" sparse_check
check "32-bit build" "divide 64 bits by div_u64() and its kin" i386
check kernel-doc "document every parameter and the return value" kernel_doc
check examples "give each example a name, and a test that includes it" examples
check reference "name the function on the page of its part" reference
check "rst syntax" "correct the page" rst_syntax
check "compile failures" "refuse at compile time what is refused there" \
	compile_fail
check "uapi header" "keep it self-contained and without holes" uapi_compile
check "uapi layout" "make it the same for 32 and 64 bits" uapi_layout
check "litmus tests" "correct the barrier, or name the test there" litmus
check shellcheck "fix the scripts" shell_scripts

[ ${#failed[@]} = 0 ] ||
	die "$(printf '%s, ' "${failed[@]}")see above; correct these and run make check again"
say "all checks passed"
