#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads what `ncu --csv` prints with gpu__time_duration.sum and dram__bytes.sum, writes one row per kernel and grid, in
the order of their first launch: launches, mean time, mean bytes of device memory moved, and their ratio."""
import csv
import re
import sys


def short_name(kernel):
    """The functor of a generic kernel, else the kernel itself, without its arguments and namespaces."""
    name = re.sub(r"gauntlet::|detail::|<unnamed>::|cutlass::", "", kernel).removeprefix("void ")
    name = re.sub(r"\((?:[^()]|\([^()]*\))*\)$", "", name)
    generic = re.match(r"(?:for|span|team)_kernel<(.*)>$", name)
    return generic.group(1) if generic else name


kernels = {}
for row in csv.DictReader(line for line in sys.stdin if line.startswith('"')):
    metrics = kernels.setdefault((short_name(row["Kernel Name"]), row["Grid Size"]), {})
    metrics.setdefault(row["Metric Name"], []).append(float(row["Metric Value"].replace(",", "")))
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["kernel", "grid", "launches", "mean_s", "mean_bytes", "bytes_per_s"])
for (name, grid), metrics in kernels.items():
    times, moved = metrics["gpu__time_duration.sum"], metrics["dram__bytes.sum"]
    mean_s, mean_bytes = sum(times) / len(times) * 1e-9, sum(moved) / len(moved)
    out.writerow([name, grid, len(times), f"{mean_s:.3g}", f"{mean_bytes:.4g}", f"{mean_bytes / mean_s:.3g}"])
