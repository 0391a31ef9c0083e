#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One Markdown table of several axes:

  gauntlet table results/NAME --format csv | results/compact.py --rows AXIS,... --columns AXIS,... [--where AXIS=VALUE ...]

Rows and columns are the combinations of the named axes that occur, in the order of the spec; `--where` keeps the cells with
that value. What is left must have one value per place. A dagger marks a place of which some seed diverged.
"""
import argparse
import csv
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rows", required=True)
parser.add_argument("--columns", required=True)
parser.add_argument("--where", action="append", default=[], metavar="AXIS=VALUE")
options = parser.parse_args()
rows, columns = options.rows.split(","), options.columns.split(",")
wanted = dict(condition.split("=", 1) for condition in options.where)


def text(cell):
    if not cell["mean"]:
        return "–"
    spread = f" ± {float(cell['standard_deviation']):.3f}" if cell["standard_deviation"] else ""
    return f"{float(cell['mean']):.3f}{spread}{'†' if int(cell['diverged']) else ''}"


places = {}
for cell in csv.DictReader(sys.stdin):
    missing = [axis for axis in [*rows, *columns, *wanted] if axis not in cell]
    if missing:
        sys.exit(f"compact.py: no axis {missing[0]} in this table; it has {', '.join(cell)}")
    if any(cell[axis] != value for axis, value in wanted.items()) or int(cell["skipped"]) == int(cell["cells"]):
        continue
    place = tuple(cell[axis] for axis in rows), tuple(cell[axis] for axis in columns)
    if place in places:
        sys.exit(f"compact.py: two values for {place}; name more axes, or give --where")
    places[place] = text(cell)
if not places:
    sys.exit("compact.py: no such cells")

heads = list(dict.fromkeys(column for _, column in places))
print("| " + " | ".join([*rows, *(", ".join(head) for head in heads)]).replace("_", r"\_") + " |")
print("|" + ":---|" * len(rows) + "---:|" * len(heads))
for row in dict.fromkeys(row for row, _ in places):
    values = [places.get((row, head), "–") for head in heads]
    print("| " + " | ".join([*(name.replace("|", r"\|") for name in row), *values]) + " |")
