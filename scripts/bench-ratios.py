#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""bench-ratios.py TABLE: compare what was measured with peers and with goals.

TABLE has the columns tier, suite, subject, n, op, value, unit. Each line of
COMPARISONS is printed for all tiers and sizes for which there are values.
"""

import fnmatch
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
# With interrupts on, those that happened to arrive are in the dearest insert.
COMPARISONS = """
# suite ours                          peer                         is     goals
map   gomap/hit                     rhashtable*/hit              faster native:8:1 native:64:1 native:1000000-:2 native:1000-:1.5
map   gomap/hit                     absl/hit                     cost   native:1000000:1.15
map   gomap/hit                     hlist/hit                    faster
map   gomap/hit                     xarray/hit                   faster
map   gomap/hit                     go/hit                       faster
map   gomap/miss                    rhashtable*/miss             faster native:1000-:1.5
map   gomap/miss                    absl/miss                    cost
map   gomap/get_many                rhashtable*/hit              faster native:1000000-:3.5
map   gomap/get_many                absl/hit                     faster native:1000000-:2
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
map   gomap/insert_dearest_irqs_on  rhashtable*/insert_dearest_irqs_on value
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


def compare(values, key, comparison):
    """Print one line. Is a goal missed?"""
    tier, suite, n = key
    _, ours, pattern, how, goals = comparison
    group = values[key]
    if ours not in group or how == "scale" and n == 1:
        return False
    if how == "scale":
        single = values.get((tier, suite, 1), {})
        peer, theirs = "the same, n = 1", single.get(ours)
    else:
        peer, theirs = best_peer(group, pattern)
    if theirs is None and how != "value":
        return False
    limit = find_goal(goals, tier, n)
    ratio, goal, good = judge(how, group[ours], theirs, limit)
    verdict = ("reached" if good else "MISSED") if limit else ""
    if not good and not judge_host(values, key, how, limit):
        verdict = "not judged: no two free processors"
        good = True
    print(ROW.format(tier, suite, n, ours, f"{group[ours]:.1f}", peer or "",
                     "" if theirs is None else f"{theirs:.1f}", ratio, goal,
                     verdict).rstrip())
    return not good


def main():
    """Compare everything, group by group."""
    values = read_values(sys.argv[1])
    comparisons = list(read_comparisons())
    missed = 0
    print(ROW.format("tier", "suite", "n", "ours", "value", "peer", "value",
                     "ratio", "goal", "").rstrip())
    for key in values:
        for comparison in comparisons:
            if fnmatch.fnmatchcase(key[1], comparison[0]):
                missed += compare(values, key, comparison)
    print(f"{missed} goals missed")


if __name__ == "__main__":
    main()
