#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which check of protocol btard catches which attack, and what happens when one is missing, as two Markdown tables:

  results/checks.py results/btard-checks

Of the seeds, means. An attack begins where its first component does. "Caught by" lists the checks whose events banned
Byzantine peers, the most frequent first, with the number of them per run.
"""
import collections
import csv
import pathlib
import re
import statistics
import sys

if len(sys.argv) != 2:
    sys.exit(__doc__)
folder = pathlib.Path(sys.argv[1])
cells = collections.defaultdict(list)
events = collections.defaultdict(list)
for cell in csv.DictReader((folder / "summary.csv").open()):
    if cell["status"] == "ok":
        cells[cell["protocol"], cell["attack"]].append(cell)
for event in csv.DictReader((folder / "events.csv").open()):
    events[event["cell"]].append(event)


def mean(values, digits=1):
    values = [float(value) for value in values if value != ""]
    return f"{statistics.mean(values):.{digits}f}" if values else "–"


def start(attack):
    return min((int(number) for number in re.findall(r"start=(\d+)", attack)), default=0)


def short(attack):
    attack = re.sub(r"(, )?start=\d+", "", attack)
    return attack.replace("()", "").replace("(, ", "(")


def left_out(protocol):
    return re.search(r"without=([\w-]+)", protocol)[1]


def banned(runs, byzantine):
    """Peers banned per run, by check."""
    counts = collections.Counter()
    for cell in runs:
        honest = int(cell["n"]) - int(cell["f"])
        for event in events[cell["cell"]]:
            counts[event["check"]] += sum((int(peer) >= honest) == byzantine for peer in event["banned"].split())
    return [(check, count / len(runs)) for check, count in counts.most_common() if count]


def after(runs, attack, column):
    return mean([float(cell[column]) - start(attack) for cell in runs if cell[column] != ""])


full = next(protocol for protocol, _ in cells if "without" not in protocol)
attacks = [attack for protocol, attack in cells if protocol == full]
print("| attack | caught by | first ban after | last ban after | Byzantine left | honest lost | accuracy |")
print("|:---|:---|---:|---:|---:|---:|---:|")
for attack in attacks:
    runs = cells[full, attack]
    caught = ", ".join(f"{check} {count:.1f}" for check, count in banned(runs, True)) or "–"
    lost = sum(count for _, count in banned(runs, False))
    print(f"| {short(attack)} | {caught} | {after(runs, attack, 'first_ban_round')} | "
          f"{after(runs, attack, 'last_ban_round')} | {mean(cell['byzantine_left'] for cell in runs)} | {lost:.1f} | "
          f"{mean((cell['final_accuracy'] for cell in runs), 3)} |")

others = list(dict.fromkeys(protocol for protocol, _ in cells if "without" in protocol))
print()
print("Byzantine peers left and final accuracy, without one check:\n")
print("| attack | all checks | " + " | ".join(left_out(protocol) for protocol in others) + " |")
print("|:---|" + "---:|" * (len(others) + 1))
for attack in attacks:
    places = []
    for protocol in [full, *others]:
        runs = cells[protocol, attack]
        places.append(f"{mean(cell['byzantine_left'] for cell in runs)}, "
                      f"{mean((cell['final_accuracy'] for cell in runs), 3)}")
    print(f"| {short(attack)} | " + " | ".join(places) + " |")
