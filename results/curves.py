#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Curves under an attack that begins, is found out and ends, as a Markdown table:

  results/curves.py results/btard --rounds 100,120,200,700

A row for each protocol and attack: when the first and the last Byzantine peer was banned, the test accuracy at the given
rounds, and how far the last one is from that of the same protocol without attack, seed by seed; means over the seeds and,
behind ±, the sample deviation over them.
"""
import argparse
import collections
import csv
import pathlib
import statistics

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--rounds", required=True, help="evaluated rounds, with commas between")
options = parser.parse_args()
rounds = [int(number) for number in options.rounds.split(",")]

cells = collections.defaultdict(list)
for cell in csv.DictReader((options.folder / "summary.csv").open()):
    if cell["status"] in ("ok", "diverged"):
        cells[cell["protocol"], cell["attack"]].append(cell)
accuracy = {}
for row in csv.DictReader((options.folder / "convergence.csv").open()):
    accuracy[row["cell"], int(row["round"])] = float(row["test_accuracy"])


def mean(values, digits):
    values = [value for value in values if value is not None]
    return f"{statistics.mean(values):.{digits}f}" if values else "–"


def of_seed(runs):
    return {cell["seed"]: accuracy.get((cell["cell"], rounds[-1])) for cell in runs}


print("| protocol | attack | first ban | last ban | Byzantine left | "
      + " | ".join(f"round {number}" for number in rounds) + " | beside no attack |")
print("|:---|:---|" + "---:|" * (4 + len(rounds)))
for (protocol, attack), runs in cells.items():
    bans = [mean([float(cell[column]) if cell.get(column) else None for cell in runs], digits)
            for column, digits in (("first_ban_round", 0), ("last_ban_round", 0), ("byzantine_left", 1))]
    curve = [mean([accuracy.get((cell["cell"], number)) for cell in runs], 3) for number in rounds]
    ends = [accuracy[cell["cell"], rounds[-1]] for cell in runs if (cell["cell"], rounds[-1]) in accuracy]
    curve[-1] += f" ± {statistics.stdev(ends):.3f}" if len(ends) > 1 else ""
    quiet, here = of_seed(cells[protocol, "none"]), of_seed(runs)
    gaps = [here[seed] - quiet[seed] for seed in here if here[seed] is not None and quiet.get(seed) is not None]
    spread = f" ± {statistics.stdev(gaps):.3f}" if len(gaps) > 1 else ""
    gap = f"{statistics.mean(gaps):+.3f}{spread}" if gaps and attack != "none" else "–"
    print("| " + " | ".join([protocol, attack, *bans, *curve, gap]) + " |")
