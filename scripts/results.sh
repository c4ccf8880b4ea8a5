# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Turn test output into counts. A count is a line "passed failed skipped".

# sum_counts: add up the counts on stdin.
sum_counts() {
	awk '{ p += $1; f += $2; s += $3 } END { print p+0, f+0, s+0 }'
}

# closing_line PASSED FAILED SKIPPED: the last line of every test run, and its
# verdict. No test at all is a failure.
closing_line() {
	[ "$1" -gt 0 ] || say "no test has passed"
	echo "$1 passed, $2 failed, $3 skipped"
	[ "$1" -gt 0 ] && [ "$2" = 0 ]
}

# extract_ktap CONSOLE: the KUnit results in a kernel log, as one document.
# Older kernels print no header when the suites are in a module.
extract_ktap() {
	local body

	body=$(sed -e 's/\r//g' -e 's/^\[ *[0-9.]*\] //' "$1" |
		sed -n '/gochan-kunit: begin/,/gochan-kunit: end/p' |
		sed '/gochan-kunit: /d')
	if ! grep -q '^KTAP version' <<<"$body"; then
		echo "KTAP version 1"
		echo "1..$(grep -cE '^ {4}# Subtest: ' <<<"$body" || true)"
	fi
	echo "$body"
}

# kunit_counts NAME CONSOLE PARSER: have the kernel's own tool judge the
# results, show what failed, and print the count.
kunit_counts() {
	local name=$1 console=$2 parser=$3
	local ktap=$LOGS/$name.ktap report=$LOGS/$name.kunit

	extract_ktap "$console" >"$ktap"
	"$parser" parse "$ktap" >"$report" 2>&1 || true
	# Failures with the lines that explain them.
	grep -E '\[(FAILED|CRASHED|ERROR)\]|EXPECTATION|ASSERTION|Expected' \
		"$report" | head -n 60 >&2 || true
	python3 - "$report" <<-'END'
	import re, sys
	last = ''
	for line in open(sys.argv[1], errors='replace'):
	    if 'Testing complete.' in line:
	        last = line
	n = {k: int(v) for k, v in re.findall(r'(\w+): (\d+)', last)}
	print(n.get('passed', 0),
	      n.get('failed', 0) + n.get('crashed', 0) + n.get('errors', 0),
	      n.get('skipped', 0))
	END
}

# tap_counts TAP STATUS: count one program's results. Planned tests that did
# not report have failed, and so has a program that ends badly without saying.
tap_counts() {
	awk -v status="$2" '
	/^1\.\.[0-9]+/ {
		plan = substr($1, 4)
		if (plan == 0 && /# *SKIP/) { s++; plan = 1 }
	}
	/^not ok / { f++; next }
	/^ok .*# *SKIP/ { s++; next }
	/^ok / { p++ }
	END {
		if (p + f + s < plan) f += plan - p - f - s
		# 4, all skipped, cannot be: the guest has loaded the device.
		if (status != 0 && !f) f++
		if (!(p + f + s)) f++
		print p+0, f+0, s+0
	}' "$1"
}

# tap_failures TAP: each failed case with what it printed before.
tap_failures() {
	awk '
	/^# +RUN / { block = "" }
	{ block = block "    " $0 "\n" }
	/^not ok / { printf "%s", block }
	/^(not )?ok / { block = "" }
	/^# (PASSED|FAILED|Totals):/ { block = "" }
	END { if (block != "") printf "    last output:\n%s", block }
	' "$1" | tail -n 60
}

# follow_selftests DIR: read a job's output as it comes, give each program its
# log in DIR and one line of progress, and collect the counts in DIR/counts.
follow_selftests() {
	local dir=$1 line program='' tap=/dev/null counts status

	while IFS= read -r line || [ -n "$line" ]; do
		line=${line%$'\r'}
		case $line in
		"@begin "*)
			# The one before was ended without saying so.
			[ -z "$program" ] ||
				end_program "$program" "$tap" lost "$dir/counts"
			program=${line#@begin }
			tap=$dir/$program.tap
			: >"$tap"
			;;
		"@end $program "*)
			status=${line##* }
			end_program "$program" "$tap" "$status" "$dir/counts"
			program='' tap=/dev/null
			;;
		"@unload ok "*)
			say "  unloaded ${line#@unload ok }"
			;;
		"@unload failed "*)
			say "  could not unload ${line#@unload failed }"
			echo 0 1 0 >>"$dir/counts"
			;;
		*)
			echo "$line" >>"$tap"
			[ -n "$program" ] || echo "$line" >>"$dir/other"
			;;
		esac
	done
	# The guest went away in the middle of a program.
	[ -z "$program" ] || end_program "$program" "$tap" lost "$dir/counts"
}

end_program() {
	local program=$1 tap=$2 status=$3 file=$4 counts why=

	counts=$(tap_counts "$tap" "$status")
	echo "$counts" >>"$file"
	# shellcheck disable=SC2086  # three numbers
	set -- $counts
	case $status in
	0 | 1)		;;
	4)		why=", all skipped though the modules are loaded" ;;
	143 | 124)	why=", time limit reached" ;;
	lost)		why=", the guest ended" ;;
	*)		why=", exit status $status" ;;
	esac
	say "  $program: $1 passed, $2 failed, $3 skipped$why"
	[ "$2" = 0 ] || tap_failures "$tap" >&2
}
