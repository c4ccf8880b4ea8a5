#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""bench-ratios.py TABLE [PAGE]: compare what was measured with peers and goals.

TABLE has the columns tier, suite, subject, n, op, value, unit. Each line of
COMPARISONS is printed for all tiers and sizes for which there are values. With
PAGE, tables of them replace what is between the marks in that rst file.
"""

import csv
import fnmatch
import io
import sys

# One comparison a line. A peer with a * is the best of those that match, and -
# is none. Goals are tier:sizes:limit, of which the first that fits counts; sizes
# are one, or from-, or * for all.
#
#   faster  times as fast as the peer         goal: at least
#   cost    share of what the peer takes      goal: at most
#   scale   times as fast as with n = 1       goal: at least
#   value   as it is, the peer for reference  goal: at most
#
# Deletion has its price where a table shrinks, as gomap does and most of the
# kernel's tables do: the goal is for that peer, the other one is shown, too.
# cpu is work that shares nothing: what two processors could be at best.
COMPARISONS = """
# suite ours                          peer                         is     goals
map   gomap/hit                     rhashtable*/hit              faster native:8:1 native:64:1 native:1000000-:2 native:1000-:1.5
map   gomap/hit                     absl/hit                     cost   native:1000000:1.15
map   gomap/hit                     absl/hit_by_call             cost
map   gomap/hit                     bare/hit                     cost
map   gomap/hit                     hlist/hit                    faster
map   gomap/hit                     xarray/hit                   faster
map   gomap/hit                     go/hit                       faster
map   gomap/miss                    rhashtable*/miss             faster native:1000-:1.5
map   gomap/miss                    absl/miss                    cost
map   gomap/miss                    bare/miss                    cost
map   gomap/get_many                rhashtable*/hit              faster native:1000000-:3.5
map   gomap/get_many                absl/hit                     faster native:1000000-:2
map   gomap/get_many                bare/get_many                cost
map   gomap/overwrite               rhashtable*/overwrite        faster
map   gomap/insert                  rhashtable*/insert           faster native:1000-:4
map   gomap/insert                  absl/insert                  cost
map   gomap/insert_reserved         rhashtable*/insert_reserved  faster
map   gomap/delete                  rhashtable/delete            faster native:1000-:4
map   gomap/delete                  rhashtable-noshrink/delete   faster
map   gomap/iterate                 rhashtable*/iterate          faster
map   gomap/mixed                   rhashtable*/mixed            faster
map   gomap/bytes_per_entry         rhashtable*/bytes_per_entry  cost   *:*:0.6
map   gomap/insert_dearest          rhashtable*/insert_dearest   value  *:*:45000
map-* gomap/hit                     rhashtable/hit               faster
map-* gomap/hit                     hlist/hit                    faster
map-* gomap/miss                    rhashtable/miss              faster
map-* gomap/get_many                rhashtable/hit               faster
map-* gomap/overwrite               rhashtable/overwrite         faster
map-* gomap/insert                  rhashtable/insert            faster
map-* gomap/insert_reserved         rhashtable/insert_reserved   faster
map-* gomap/delete                  rhashtable/delete            faster
map-* gomap/iterate                 rhashtable/iterate           faster
map-* gomap/mixed                   rhashtable/mixed             faster
slice goslice/append                krealloc/append              cost   native:1000000:1.15
slice goslice/append_reserved       krealloc/append_reserved     cost
slice goslice/index                 krealloc/index               cost
slice goslice/for_each              krealloc/for_each            cost
chan  gochan/send_recv              kfifo/send_recv              cost   *:*:1
chan  gochan/send_recv              ptr_ring/send_recv           cost
chan  gochan/send_recv              go/send_recv                 cost   native:*:0.6
chan  gochan/stream                 kfifo/stream                 cost
chan  gochan/stream                 go/stream                    cost
chan  gochan/round_trip             completion/round_trip        cost
chan  gochan/round_trip             go/round_trip                cost
chan  gochan/send_select            go/send_select               cost   native:2:1
chan  gochan/select_blocked         go/select_blocked            cost
device-chan gochan/send_recv              pipe/write_read              cost   counted:8:0.6
device-chan gochan/send_recv              eventfd/write_read           cost   counted:8:1
device-chan gochan/write_read             pipe/write_read              cost   counted:8:0.65
device-chan gochan/send_recv_many         -                            value  counted:8:120
device-chan gochan/send_select2           pipe/write_poll2_read        cost
device-chan gochan/poll                   pipe/poll                    cost
device-chan gochan/send_recv              mqueue/send_recv             cost
device-chan gochan/write_read             seqpacket/write_read         cost
device-chan gochan-varlen/send_recv       pipe/write_read              cost
device-chan gochan-varlen/write_read      pipe/write_read              cost
device-chan gochan-varlen/send_recv_many  -                            value
pair  gochan-cap0/send_recv         pipe/write_read              cost   counted:8:0.75
pair  gochan-cap0/write_read        pipe/write_read              cost   counted:8:0.75
pair  gochan-cap1/send_recv         pipe/write_read              cost   counted:8:0.75
pair  gochan-cap1/write_read        pipe/write_read              cost   counted:8:0.75
pair  gochan-cap1/write_read        seqpacket/write_read         cost
device-map gochan/get               bpf*/get                     cost   counted:*:0.4
device-map gochan/miss              bpf*/miss                    cost
device-map gochan/put               bpf*/put                     cost   counted:*:0.4
device-map gochan/put_new           bpf*/put_new                 cost   counted:*:0.4
device-map gochan/delete            bpf*/delete                  cost
device-map gochan/take              bpf*/take                    cost
device-map gochan/get_many          bpf*/get                     value  counted:*:150
device-map gochan/put_many          bpf*/put_many                cost
device-map gochan/delete_many       bpf*/delete_many             cost
device-map gochan/iter              bpf*/iter                    cost
stream gochan/send_recv             pipe/write_read              cost
stream gochan/write_read            pipe/write_read              cost
stream gochan/write_read            seqpacket/write_read         cost
scale cpu/get                       -                            scale
scale gomap/get                     -                            scale  smp:2:1.9
scale gomap/get                     rhashtable/get               cost
scale gomap/get_beside_writer       rhashtable/get_beside_writer cost
scale gomap/mixed                   -                            scale
scale gomap/mixed                   rhashtable/mixed             cost
scale gomap/overwrite               -                            scale
scale gomap/overwrite               rhashtable/overwrite         cost
scale gomap/replace                 -                            scale
scale gomap/replace                 rhashtable/replace           cost
"""

ROW = "{:8} {:10} {:>8} {:28} {:>10} {:32} {:>10} {:>8}  {:9} {}"


COLUMNS = ("tier", "suite", "n", "ours", "value", "peer", "value", "ratio",
           "goal", "verdict")

# Lines of a page between which its tables are.
BEGIN = ".. tables begin\n"
END = ".. tables end\n"


def read_values(path):
    """Map (tier, suite, n) to a map from subject/op to value, in file order."""
    values = {}
    with open(path, encoding="ascii") as table:
        next(table)
        for line in table:
            tier, suite, subject, n, op, value, _ = line.rstrip("\n").split("\t")
            group = values.setdefault((tier, suite, int(n)), {})
            group[f"{subject}/{op}"] = float(value)
    return values


def read_comparisons():
    """The lines of COMPARISONS, goals split."""
    for line in COMPARISONS.splitlines():
        if line and not line.startswith("#"):
            suite, ours, peer, how, *goals = line.split()
            yield suite, ours, peer, how, [goal.split(":") for goal in goals]


def is_size(sizes, n):
    """Is n one of the sizes that a goal names?"""
    if sizes == "*":
        return True
    if sizes.endswith("-"):
        return n >= int(sizes[:-1])
    return n == int(sizes)


def find_goal(goals, tier, n):
    """The limit for a tier and a size, or None."""
    for goal_tier, sizes, limit in goals:
        if goal_tier in (tier, "*") and is_size(sizes, n):
            return float(limit)
    return None


def best_peer(group, pattern):
    """The best value that matches: its name and itself, or None twice."""
    found = [(value, name) for name, value in group.items()
             if fnmatch.fnmatchcase(name, pattern)]
    if not found:
        return None, None
    value, name = min(found)
    return name, value


def judge(how, ours, theirs, limit):
    """The ratio as text, the goal as text, and whether it is reached."""
    if how == "value":
        return "", f"<= {limit:g}" if limit else "", not limit or ours <= limit
    if how in ("faster", "scale"):
        ratio, sign = theirs / ours, ">="
        good = limit is None or ratio >= limit
    else:
        ratio, sign = ours / theirs, "<="
        good = limit is None or ratio <= limit
    return f"{ratio:.2f}x", f"{sign} {limit:g}x" if limit else "", good


def speedup(values, key, name):
    """How many times as fast as with n = 1, or None."""
    single = values.get((key[0], key[1], 1), {})
    if name not in single or name not in values[key]:
        return None
    return single[name] / values[key][name]


def judge_host(values, key, how, limit):
    """Whether this machine could have reached the goal at all."""
    best = speedup(values, key, "cpu/get") if how == "scale" else None
    return best is None or best >= limit


def distance(ours, ratio, how, limit):
    """How near a goal was: 1 when it is just reached, less when missed."""
    if how in ("faster", "scale"):
        return ratio / limit
    return limit / (ours if how == "value" else ratio)


def verdict_of(values, key, how, ours, ratio, limit, good):
    """The verdict as text, and whether the goal is missed."""
    if not limit:
        return "", False
    if good:
        return "reached", False
    if not judge_host(values, key, how, limit):
        return "not judged: no two free processors", False
    return f"MISSED, {distance(ours, ratio, how, limit):.0%} of it", True


def find_peer(values, key, ours, pattern, how):
    """With what to compare: its name and its value, None if there is none."""
    if how == "scale":
        single = values.get((key[0], key[1], 1), {})
        return "the same, n = 1", single.get(ours)
    return best_peer(values[key], pattern)


def compare(values, key, comparison):
    """Compare once: a row for ROW, or None, whether a goal is missed, and
    whether the peer is better."""
    tier, suite, n = key
    _, ours, pattern, how, goals = comparison
    group = values[key]
    if ours not in group or how == "scale" and n == 1:
        return None, False, False
    peer, theirs = find_peer(values, key, ours, pattern, how)
    if theirs is None and how != "value":
        return None, False, False
    value = group[ours]
    limit = find_goal(goals, tier, n)
    text, goal, good = judge(how, value, theirs, limit)
    ratio = theirs and (theirs / value if how in ("faster", "scale") else
                        value / theirs)
    verdict, missed = verdict_of(values, key, how, value, ratio, limit, good)
    row = (tier, suite, n, ours, f"{value:.1f}", peer or "",
           "" if theirs is None else f"{theirs:.1f}", text, goal, verdict)
    return row, missed, how in ("faster", "cost") and value > theirs


def compare_all(values):
    """All rows, with whether a goal is missed and whether the peer is better."""
    comparisons = list(read_comparisons())
    for key in values:
        for comparison in comparisons:
            if fnmatch.fnmatchcase(key[1], comparison[0]):
                row, missed, behind = compare(values, key, comparison)
                if row:
                    yield row, missed, behind


def rst_table(title, rows):
    """A table of rst."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(row[:9] + (row[9].lower(),) for row in rows)
    lines = "".join(f"   {line}\n" for line in out.getvalue().splitlines())
    return f".. csv-table:: {title}\n   :header-rows: 1\n\n{lines}\n"


def refill(page, compared):
    """Replace what is between the marks in a page."""
    with open(page, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    tables = rst_table("Goals", [row for row, _, _ in compared if row[8]])
    tables += rst_table("Without a goal, and the peer is faster",
                        [row for row, _, behind in compared
                         if behind and not row[8]])
    with open(page, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{tables}{END}{after}")


def main():
    """Compare everything, group by group."""
    compared = list(compare_all(read_values(sys.argv[1])))
    missed = sum(row_missed for _, row_missed, _ in compared)
    if len(sys.argv) > 2:
        refill(sys.argv[2], compared)
        return
    print(ROW.format(*COLUMNS).rstrip())
    for row, _, _ in compared:
        print(ROW.format(*row).rstrip())
    print(f"{missed} goals missed")


if __name__ == "__main__":
    main()
