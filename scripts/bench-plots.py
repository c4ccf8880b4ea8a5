#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""bench-plots.py TABLE DIRECTORY: draw how much faster than others our map is.

One plot for each operation, DIRECTORY/map-OP.svg, over the number of entries,
with the goal where there is one. TABLE is that of bench-ratios.py, which also
knows the goals. gnuplot draws.
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys

# An operation, that of the peers, and the title.
PLOTS = (
    ("hit", "hit", "lookup of a key that is present"),
    ("miss", "miss", "lookup of a key that is absent"),
    ("insert", "insert", "insertion, growth included"),
    ("delete", "delete", "removal"),
    ("get_many", "hit", "lookup of 16 keys at once, peers one by one"),
)

# Those of gnuplot are too bright for lines on white.
PEERS = {
    "rhashtable": "#c0392b",
    "hlist": "#1f618d",
    "xarray": "#1e8449",
    "absl": "#b7770d",
    "go": "#7d3c98",
}

HEAD = """
set terminal svg size 800,500 font "sans,14" background "white"
set output "{output}"
set title "{title}"
set xlabel "entries"
set ylabel "times as fast as the peer"
set logscale x 10
set logscale y 2
set xrange [5:8000000]
set xtics ("8" 8, "64" 64, "1 k" 1e3, "10 k" 1e4, "100 k" 1e5, "1 M" 1e6, "4 M" 4e6)
set format y "%gx"
set grid
set key outside right top
set style data linespoints
"""


def load_ratios():
    """The script beside this one, as a module."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "bench-ratios.py")
    loader = importlib.machinery.SourceFileLoader("bench_ratios", path)
    spec = importlib.util.spec_from_loader("bench_ratios", loader)
    module = importlib.util.module_from_spec(spec)
    # No compiled copy beside it.
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def ratios(values, op, peer):
    """Pairs of a size and how many times as fast as the peer we are."""
    for (tier, suite, n), group in sorted(values.items()):
        ours, theirs = group.get(f"gomap/{op}"), group.get(peer)
        if (tier, suite) == ("native", "map") and ours and theirs:
            yield n, theirs / ours


def goals_of(module, op, peer):
    """The goals for this operation against rhashtable."""
    for suite, ours, pattern, how, goals in module.read_comparisons():
        if (suite, ours, how) == ("map", f"gomap/{op}", "faster") and \
                pattern in (peer, peer.replace("/", "*/")):
            return goals
    return []


def goal_line(module, values, op, peer):
    """Pairs of a size and the goal there."""
    goals = goals_of(module, op, peer)
    for tier, suite, n in sorted(values):
        limit = module.find_goal(goals, tier, n)
        if (tier, suite) == ("native", "map") and limit:
            yield n, limit


def plot(module, values, directory, op, peer_op, title):
    """Draw one plot; is there anything to draw?"""
    curves = [(peer, list(ratios(values, op, f"{peer}/{peer_op}")),
               f"linecolor '{colour}' linewidth 2")
              for peer, colour in PEERS.items()]
    curves.append(("goal, rhashtable",
                   list(goal_line(module, values, op, f"rhashtable/{peer_op}")),
                   "with linespoints dashtype 2 linecolor 'black' pointtype 6"))
    curves = [curve for curve in curves if curve[1]]
    if not curves:
        return False
    script = HEAD.format(output=os.path.join(directory, f"map-{op}.svg"),
                         title=title)
    for i, (_, points, _) in enumerate(curves):
        rows = "\n".join(f"{n} {ratio:.4f}" for n, ratio in points)
        script += f"$curve{i} << END\n{rows}\nEND\n"
    script += "plot 1 with lines linecolor 'grey' notitle"
    for i, (name, _, style) in enumerate(curves):
        script += f", $curve{i} title '{name}' {style}"
    subprocess.run(["gnuplot"], input=script + "\n", text=True, check=True)
    return True


def main():
    """Draw all plots for which there are figures."""
    module = load_ratios()
    values = module.read_values(sys.argv[1])
    for op, peer_op, title in PLOTS:
        plot(module, values, sys.argv[2], op, peer_op, title)


if __name__ == "__main__":
    main()
