#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The check for a machine with a GPU, from binaries that were built elsewhere and carried there:
#
#   cmake --preset carry && cmake --build --preset carry        where the compiler and the libraries are
#   tests/gpu.sh BINARIES OUT [SHARED]                          on the machine with the GPU, from the source tree
#
# BINARIES holds gauntlet, gauntlet_tests and gauntlet_example; SHARED (optional) holds data/mnist, golden and
# bench/torch_batched.py. Every test on CUDA, CPU = GPU for every rule, attack and model, compute-sanitizer on small
# cells, the quickstart and a real MNIST matrix on both back ends, benchmarks. Writes OUT/figures.md, logs, benchmark
# tables and result folders. Exit code 0 if everything passed. Ends within ten minutes; each step has a limit of its
# own. Without a GPU the CPU's half runs and the rest is noted as skipped.
set -uo pipefail

binaries=$(realpath "${1:?usage: tests/gpu.sh BINARIES OUT [SHARED]}")
mkdir -p "${2:?usage: tests/gpu.sh BINARIES OUT [SHARED]}"
out=$(realpath "$2")
shared=${3:+$(realpath "$3")}
gauntlet=$binaries/gauntlet
tests=$binaries/gauntlet_tests
export GAUNTLET_BINARY=$gauntlet GAUNTLET_EXAMPLE=$binaries/gauntlet_example
[ -n "$shared" ] && export GAUNTLET_SHARED=$shared GAUNTLET_DATA=$shared/data

# cuBLAS comes from the toolkit or from a Python package.
for folder in /usr/local/cuda/lib64 $(python3 -c '
import importlib.util, pathlib
spec = importlib.util.find_spec("nvidia")
for base in (spec.submodule_search_locations if spec else []):
    for path in sorted(pathlib.Path(base).rglob("libcublas.so.13*")):
        print(path.parent)' 2>/dev/null | sort -u); do
  if ls "$folder"/libcublas.so.13* >/dev/null 2>&1; then
    export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    break
  fi
done

figures=$out/figures.md
failed=()
note() { printf '%s\n' "$*" | tee -a "$figures"; }

devices=cpu
"$gauntlet" doctor 2>/dev/null | grep -q '^cuda:0' && devices="cuda cpu"
first=${devices%% *}  # the GPU where there is one

# gpu_step LIMIT_S NAME COMMAND...: a step that needs a GPU.
gpu_step() {
  if [ "$devices" = cpu ]; then note "- $2: skipped, no GPU"; else step "$@"; fi
}

# step LIMIT_S NAME COMMAND...: runs it with its output in OUT/NAME.log and notes how it went.
step() {
  local limit=$1 name=$2 start=$SECONDS status
  shift 2
  timeout "$limit" "$@" >"$out/$name.log" 2>&1
  status=$?
  if [ $status -eq 0 ]; then
    note "- $name: passed in $((SECONDS - start)) s"
  else
    note "- $name: FAILED with exit code $status after $((SECONDS - start)) s"
    tail -n 12 "$out/$name.log"
    failed+=("$name")
  fi
}

: >"$figures"
note "# $(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo 'no GPU')"
note ""
note "$("$gauntlet" doctor 2>&1 | sed -n 's/^\(revision\|build\|processor\|cuda:[0-9]*\) .*/    &/p')"
note ""
note "## Checks"
note ""
step 60 verify "$gauntlet" verify
step 240 tests "$tests" --order lex

# One small cell of every kind under the memory checker, and the passes under the race checker.
# Some virtual machines keep compute-sanitizer from the device: then a program under it sees none.
if ! command -v compute-sanitizer >/dev/null; then
  note "- compute-sanitizer: not on this machine"
elif [ "$devices" != cpu ] && ! timeout 60 compute-sanitizer "$gauntlet" doctor 2>&1 | grep -q '^cuda:0'; then
  note "- compute-sanitizer: cannot watch this device"
else
  gpu_step 120 memcheck compute-sanitizer --tool memcheck --error-exitcode 9 "$gauntlet" run experiments/quickstart.toml \
    --device cuda --out "$out/memcheck" --quiet --set rounds=8 --set evaluate_every=8 --set seeds='[0]' \
    --set task.dataset='synthetic-digits(train=300, test=100)' --set task.batch=5
  gpu_step 60 memcheck-cnn compute-sanitizer --tool memcheck --error-exitcode 9 "$gauntlet" run experiments/quickstart.toml \
    --device cuda --out "$out/memcheck-cnn" --quiet --set rounds=2 --set evaluate_every=2 --set seeds='[0]' \
    --set task.dataset='synthetic-digits(train=300, test=100)' --set task.batch=2 --set task.model=cnn \
    --set matrix.attacks='["alie"]' --set matrix.defenses='["nnm | rfa"]'
  gpu_step 90 racecheck compute-sanitizer --tool racecheck --error-exitcode 9 "$tests" "[passes]"
  gpu_step 60 racecheck-search compute-sanitizer --tool racecheck --error-exitcode 9 "$tests" \
    "a search on a sample of the coordinates finds what a search on all of them finds"
  rm -rf "$out/memcheck" "$out/memcheck-cnn"
fi

# The same matrix on both back ends; then twice on one, which must give the same bytes.
for device in $devices; do
  step 120 "quickstart-$device" "$gauntlet" run experiments/quickstart.toml --device $device --out "$out/quickstart-$device"
done
step 60 quickstart-again "$gauntlet" run experiments/quickstart.toml --device "$first" --out "$out/again"
for file in summary.csv convergence.csv; do
  step 5 "same-bytes-$file" cmp "$out/quickstart-$first/$file" "$out/again/$file"
done
rm -rf "$out/again"
gpu_step 30 backends-agree python3 - "$out/quickstart-cuda/summary.csv" "$out/quickstart-cpu/summary.csv" <<'EOF'
import csv, sys
a, b = ({row["cell"]: row for row in csv.DictReader(open(path))} for path in sys.argv[1:])
assert a.keys() == b.keys() and a
gaps = [(abs(float(a[k]["final_accuracy"]) - float(b[k]["final_accuracy"])), k) for k in a
        if a[k]["status"] == b[k]["status"] == "ok"]
worst, mean = max(gaps), sum(gap for gap, _ in gaps) / len(gaps)
print(f"{len(gaps)} cells; accuracy differs by {mean:.4f} on average, {worst[0]:.4f} at most (cell {worst[1]})")
assert [a[k]["status"] for k in a] == [b[k]["status"] for k in a] and mean < 0.01, "the back ends disagree"
EOF
[ -f "$out/backends-agree.log" ] && note "    $(tail -n 1 "$out/backends-agree.log")"

# Every attack against every rule.
step 240 full-matrix "$gauntlet" run experiments/full-matrix.toml --device "$first" --out "$out/full-matrix" \
  --set rounds=20 --set evaluate_every=20

if [ -n "$shared" ] && ls "$shared"/data/mnist/train-images* >/dev/null 2>&1; then
  for device in $devices; do
    step 150 "mnist-$device" "$gauntlet" run experiments/mnist.toml --device $device --out "$out/mnist-$device" \
      --set rounds=100 --set evaluate_every=50 --set seeds='[0, 1]' --set workers.byzantine=3
  done
fi

note ""
note "## Benchmarks"
note ""
if [ "$devices" = cpu ]; then
  benches=("passes" "rules" "round --cells 4" "round --cells 2 --model cnn --rounds 8"
    "round --cells 4 --attack alie --attack optimal-alie --defense krum --defense trimmed-mean")
else
  benches=("passes --cells 64" "passes --cells 1" "rules --cells 64" "round --cells 1" "round --cells 64"
    "round --cells 64 --model cnn --rounds 20" "round --cells 512"
    "round --cells 64 --attack alie --attack optimal-alie --defense krum --defense trimmed-mean")
fi
for bench in "${benches[@]}"; do
  name="bench-${bench// /_}"
  # shellcheck disable=SC2086
  step 60 "${name//--/}" "$gauntlet" bench $bench --device "$first"
  note '```'
  note "$(cat "$out/${name//--/}.log")"
  note '```'
done
if [ -n "$shared" ] && [ -f "$shared/bench/torch_batched.py" ]; then
  for cells in 8 64; do
    [ "$first" = cpu ] && [ $cells = 64 ] && continue
    step 90 "torch-$cells" python3 "$shared/bench/torch_batched.py" "$first" $cells 50
    note '```'
    note "$(cat "$out/torch-$cells.log")"
    note '```'
  done
fi

note ""
if [ ${#failed[@]} -eq 0 ]; then
  note "All checks passed."
else
  note "FAILED: ${failed[*]}"
fi
exit $((${#failed[@]} > 0))
