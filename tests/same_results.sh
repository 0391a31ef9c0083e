#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whether two revisions give the same results on the CPU, byte for byte:
#
#   same_results.sh OLD NEW [SPEC...]
#
# OLD and NEW are gauntlet binaries built with the same flags; SPECs by default all of experiments/. Runs each spec with
# both, at a tenth of its rounds and evaluations and with its first seed only (all attacks against all defenses, which
# no table shows: 3 rounds of few samples), and compares summary.csv, convergence.csv and events.csv. Prints a line for
# each spec; exit code 1 if any differs or fails. MNIST is looked for where gauntlet looks for it: set GAUNTLET_DATA.
set -uo pipefail
if [ $# -lt 2 ] || [ ! -x "$1" ] || [ ! -x "$2" ]; then
  sed -n '3,11s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
old=$(realpath "$1") new=$(realpath "$2")
shift 2
experiments=$(cd "$(dirname "$0")/../experiments" && pwd)
[ $# -gt 0 ] || set -- "$experiments"/*.toml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# tenth SPEC KEY: a tenth of the key's value, at least 1.
tenth() {
  local value
  value=$(sed -n "s/^$2 = \([0-9]*\).*/\1/p" "$1")
  echo $((${value:-10} >= 20 ? value / 10 : 1))
}

status=0
for spec in "$@"; do
  name=$(basename "$spec" .toml) start=$SECONDS verdict=
  shorter=(--set "rounds=$(tenth "$spec" rounds)" --set "evaluate_every=$(tenth "$spec" evaluate_every)")
  shorter+=(--set "seeds=[$(sed -n 's/^seeds = [^0-9]*\([0-9]*\).*/\1/p' "$spec")]")
  if [ "$name" = full-matrix ]; then
    shorter=(--set rounds=3 --set evaluate_every=1 --set 'task.dataset="synthetic-digits(train=600, test=100)"')
  fi
  for side in old new; do
    if ! "${!side}" run "$spec" "${shorter[@]}" --device cpu --quiet --out "$work/$side/$name" \
      >"$work/$side.log" 2>&1; then
      verdict="the $side one failed: $(tail -1 "$work/$side.log")"
    fi
  done
  cells=$(($(wc -l <"$work/new/$name/summary.csv" 2>/dev/null || echo 1) - 1))
  for table in summary.csv convergence.csv events.csv; do
    [ -z "$verdict" ] || break
    [ -e "$work/old/$name/$table" ] || [ -e "$work/new/$name/$table" ] || continue
    verdict=$(cmp "$work/old/$name/$table" "$work/new/$name/$table" 2>&1 | sed "s|$work/||g")
  done
  printf '%-14s %5d cells %4d s  %s\n' "$name" "$cells" $((SECONDS - start)) "${verdict:-same}"
  [ -z "$verdict" ] || status=1
done
exit $status
