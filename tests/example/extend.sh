#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What it takes to add an axis or a column of results: makes the change in a copy of the tree, builds the program there
# and shows where the new name turns up by itself.
#
#   extend.sh axis      training.step_scale, which multiplies every step
#   extend.sh column    gradient_samples, which the estimator `gradient` reports
#
# Takes a build of the program (minutes; seconds with ccache). Exit code 1 if the name is missing anywhere.
set -euo pipefail

what=${1:-}
case $what in
  axis) name=step_scale ;;
  column) name=gradient_samples ;;
  *) sed -n '3,9s/^# \?//p' "$0"; exit 2 ;;
esac
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$root" && git ls-files -z | tar -c --null -T - ) | tar -x -C "$scratch"
cd "$scratch"
touched=()

# after FILE LINE TEXT: inserts TEXT behind the one line that holds LINE.
after() {
  python3 - "$@" <<'PYTHON'
import pathlib, sys
file, line, text = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
lines = file.read_text().splitlines(keepends=True)
places = [i for i, each in enumerate(lines) if line in each]
if len(places) != 1:
    sys.exit(f"{file}: {len(places)} lines hold '{line}'")
lines.insert(places[0] + 1, text + "\n")
file.write_text("".join(lines))
PYTHON
  [[ " ${touched[*]-} " == *" $1 "* ]] || touched+=("$1")
}

if [ "$what" = axis ]; then
  after src/cell/cell.hpp 'double weight_decay = 0;' '  double step_scale = 1;'
  after src/cell/axes.cpp '"lambda; lambda x is added to the aggregate"),' \
    '      number("training", "step_scale", &Cell::step_scale, 1.0, 0, most_real, cell_only,
             {"step_scale", 19, "", "what multiplies every step"}, "what multiplies every step"),'
  after src/run/simulation.cpp 'rates.back().push_back(cell.learning_rate *' ''
  sed -i 's/push_back(cell.learning_rate \*/push_back(cell.step_scale * cell.learning_rate */' src/run/simulation.cpp
else
  after kernels/estimators/gradient.cu 'void run() override' \
    '  Observations observe() const override { return {{"gradient_samples", samples_}}; }'
  after kernels/estimators/gradient.cu '  WorkerGradient gradient_;' '  std::vector<double> samples_;  ///< per replica'
  after kernels/estimators/gradient.cu ': gradient_(exec, job, treatment)' ''
  sed -i 's/: gradient_(exec, job, treatment) {}/: gradient_(exec, job, treatment), samples_(job.query.size(), job.gradient.batch) {}/' \
    kernels/estimators/gradient.cu
  after kernels/estimators/gradient.cu 'entry.parameters = with_treatment({});' \
    '  entry.columns = {{"gradient_samples", "samples", "of each gradient",
                    {{"final_gradient_samples", Reduce::last}}}};'
fi

cmake --preset cpu > /dev/null
cmake --build build/cpu --target gauntlet "-j${JOBS:-2}" > build.log || { tail -n 40 build.log; exit 1; }
gauntlet=build/cpu/gauntlet
printf 'name = "extended"\nrounds = 2\n[task]\ndataset = "synthetic-digits(train=200, test=50)"\n' > spec.toml
[ "$what" = column ] || printf '[training]\nstep_scale = [1, 0.5]\n' >> spec.toml
"$gauntlet" run spec.toml --dry-run > plan.txt
"$gauntlet" run spec.toml --device cpu --quiet --out out
"$gauntlet" list --update README.md
"$gauntlet" list --update results/README.md
"$gauntlet" list gradient > listing.txt

show() {  # show FILE: the lines that have the name
  printf '\n%s\n' "$1"
  grep -n -m 3 -o ".\{0,60\}$name.\{0,60\}" "$1" || { echo "MISSING: $name is not there"; exit 1; }
}
if [ "$what" = axis ]; then
  for file in plan.txt out/spec.toml README.md results/README.md out/summary.csv; do show "$file"; done
else
  for file in listing.txt results/README.md out/convergence.csv out/summary.csv; do show "$file"; done
fi
printf '\nfiles touched by hand: %s\n' "${touched[*]}"
