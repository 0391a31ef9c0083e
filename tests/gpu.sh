#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The check of a machine with a GPU, from what tests/gpu_pack.sh packed elsewhere; the machine needs bash, Python, tar
# and cuBLAS.
#
#   gpu.sh check OUT    at most 240 s: is everything right there?
#   gpu.sh tests OUT    at most 330 s: the long tests that run on every back end
#   gpu.sh speed OUT    at most 360 s: how fast is it?
#
# Writes OUT/figures.md, what a person reads, and OUT/logs.tgz, every step's output and results; both are renewed after
# each step, so that whatever ends the machine leaves what was found. The most valuable steps come first; one that no
# longer fits is named as skipped. Without a GPU those steps of check run that need none. Exit code 0 if no step failed.
set -uo pipefail

mode=${1:-} out=${2:-}
case $mode in
  check) total=240 ;;
  tests) total=330 ;;
  speed) total=360 ;;
  *) total=0 ;;
esac
if [ $total = 0 ] || [ -z "$out" ]; then
  sed -n '3,13s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
mkdir -p "$out"
out=$(realpath "$out")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
logs=$work/logs
mkdir "$logs"
python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$here/pack.tar.xz" "$work" || exit 1
cd "$work/pack" || exit 1
gauntlet=$PWD/bin/gauntlet runner=$PWD/bin/gauntlet_tests
export GAUNTLET_BINARY=$gauntlet GAUNTLET_EXAMPLE=$PWD/bin/gauntlet_example GAUNTLET_SOURCE=$PWD
export GAUNTLET_SHARED=$PWD/shared GAUNTLET_DATA=$PWD/shared/data

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
left() { echo $((total - SECONDS)); }

# step LIMIT_S NAME COMMAND...: runs it with its output in logs/NAME.log and notes how it went.
step() {
  local limit=$1 name=$2 start=$SECONDS status
  shift 2
  if [ "$(left)" -lt 8 ]; then
    note "- $name: skipped, $(left) s were left"
    return 2
  fi
  [ "$(type -t "$1")" = function ] && set -- bash -c "$(declare -f "$1"); $1"
  [ "$limit" -le $(($(left) - 3)) ] || limit=$(($(left) - 3))
  timeout -k 2 "$limit" "$@" >"$logs/$name.log" 2>&1
  status=$?
  if [ $status -eq 0 ]; then
    note "- $name: passed in $((SECONDS - start)) s"
  else
    note "- $name: FAILED with exit code $status after $((SECONDS - start)) s"
    tail -n 15 "$logs/$name.log" | cut -c1-300
    failed+=("$name")
  fi
  tar -czf "$out/logs.tgz" -C "$work" logs
  return $status
}

# gpu_step LIMIT_S NAME COMMAND...: a step that makes no sense without a GPU.
gpu_step() {
  if [ $device = cuda ]; then step "$@"; else note "- $2: skipped, no GPU"; fi
}

# shown LIMIT_S NAME COMMAND...: a step whose output is a figure.
shown() {
  step "$@" || return
  note '```'
  note "$(cat "$logs/$2.log")"
  note '```'
}

# matrix LIMIT_S NAME SPEC ARGUMENTS...: a run of a spec; its tables are kept.
matrix() {
  local limit=$1 name=$2 spec=$3 status
  shift 3
  # The CPU only shows that the steps work.
  [ $device = cuda ] || set -- "$@" --set rounds=20 --set seeds='[0]'
  step "$limit" "$name" "$gauntlet" run "experiments/$spec.toml" --out "../logs/$name" "$@"
  status=$?
  rm -f "$logs/$name/.lock"
  return $status
}

# same_bytes NAME A B: two results folders hold the same tables.
same_bytes() {
  # shellcheck disable=SC2016
  step 8 "$1" bash -c 'for table in summary convergence events; do
    [ ! -e "$0/$table.csv" ] || cmp "$0/$table.csv" "$1/$table.csv" || exit; done' "$logs/$2" "$logs/$3"
}

# sharded NAME ARGUMENTS...: two halves of a quickstart make the same tables as the whole, NAME.
sharded() {
  local name=$1 shard
  shift
  for shard in 0 1; do matrix 15 "$name-$shard" quickstart --device $device --shard $shard/2 "$@"; done
  step 8 "$name-merged" "$gauntlet" merge "$logs/$name-0" "$logs/$name-1" --out "$logs/$name-merged"
  same_bytes "$name-sharded-same-bytes" "$name" "$name-merged"
}

# agree NAME A B: two results folders hold the same matrix, up to what rounding does to training.
agree() {
  step 8 "$1" python3 - "$logs/$2/summary.csv" "$logs/$3/summary.csv" <<'PY' || return
import csv, sys
a, b = ({row["cell"]: row for row in csv.DictReader(open(path))} for path in sys.argv[1:])
assert a and a.keys() == b.keys(), "different cells"
gaps = sorted((abs(float(a[k]["final_accuracy"]) - float(b[k]["final_accuracy"])), k) for k in a
              if a[k]["status"] == b[k]["status"] == "ok")
mean = sum(gap for gap, _ in gaps) / len(gaps)
print(f"{len(gaps)} cells; accuracy differs by {mean:.4f} on average, {gaps[-1][0]:.4f} at most (cell {gaps[-1][1]})")
assert [a[k]["status"] for k in a] == [b[k]["status"] for k in a], "another status"
assert mean < 0.01, "the accuracies differ"
PY
  note "    $(tail -n 1 "$logs/$1.log")"
}

# device_tests: tests that run on every back end, those of the file $of, each a process, twelve at a time. Without a GPU
# only that some of them run at all; the suite itself runs elsewhere.
device_tests() {
  local some=.
  [ $device = cuda ] || some='^(passes|optimizers)_test$'
  # shellcheck disable=SC2016
  grep -E "$some" "$of" | xargs -P 12 -I{} bash -c '
    "$0" -# "[#{}]" >"$1/test-{}.log" 2>&1
    status=$?
    ! grep -q "No tests ran" "$1/test-{}.log" || status=1
    printf "%s: exit code %s, %s\n" {} $status "$(tail -n 2 "$1/test-{}.log" | tr "\n" " ")"
    exit $status' "$runner" "$logs"
}

# The kernels of a round of 64 cells, one defense each half: their times and the bytes that they move.
kernels() {
  set -o pipefail
  GAUNTLET_GRAPH=off ncu --clock-control none --metrics gpu__time_duration.sum,dram__bytes.sum --csv \
    --launch-skip 120 --launch-count 60 "$gauntlet" run experiments/quickstart.toml --device cuda --quiet \
    --out "$work/kernels" --set rounds=8 --set evaluate_every=8 --set seeds='"0..31"' --set 'task.model="mlp(hidden=[100])"' \
    --set matrix.attacks='["ipm(epsilon=1)"]' --set matrix.defenses='["trimmed-mean", "nnm | rfa"]' | tee "$logs/ncu.csv" |
    python3 kernel_table.py
}

check() {
  step 60 verify "$gauntlet" verify --device $device ||
    gpu_step 60 memcheck-early compute-sanitizer "$gauntlet" verify --device cuda
  matrix 40 quickstart quickstart --device $device
  matrix 20 quickstart-again quickstart --device $device
  same_bytes same-bytes-again quickstart quickstart-again
  sharded quickstart
  if [ $device = cuda ]; then
    GAUNTLET_GRAPH=off matrix 30 quickstart-uncaptured quickstart --device cuda
    same_bytes same-bytes-uncaptured quickstart quickstart-uncaptured
    # Products of matrices: the library would choose other kernels for other numbers of cells.
    local mlp=(--set 'task.model="mlp(hidden=[100])"' --set rounds=20) cnn=(--set task.model=cnn --set rounds=4)
    matrix 30 mlp quickstart --device cuda "${mlp[@]}" && sharded mlp "${mlp[@]}"
    matrix 30 cnn quickstart --device cuda "${cnn[@]}" && sharded cnn "${cnn[@]}"
    matrix 30 quickstart-cpu quickstart --device cpu && agree backends-agree quickstart quickstart-cpu
    # Rows of a layer that are aligned to four bytes only.
    for back in cuda cpu; do
      matrix 15 narrow-$back quickstart --device $back --set 'task.model="mlp(hidden=[5])"' --set seeds='[0]' --set rounds=20
    done
    agree narrow-agrees narrow-cuda narrow-cpu
    # Without a server: several models a cell, a recording for each number of sub-rounds.
    local peers=(--set rounds=20 --set evaluate_every=10 --set seeds='[0, 1]' --set
      training.protocol='["agreement", "gossip(graph=complete)", "gossip(graph=epidemic(peers=5), mixing=2)"]')
    matrix 30 peers quickstart --device cuda "${peers[@]}"
    GAUNTLET_GRAPH=off matrix 40 peers-uncaptured quickstart --device cuda "${peers[@]}"
    same_bytes same-bytes-peers-uncaptured peers peers-uncaptured
    matrix 40 peers-cpu quickstart --device cpu "${peers[@]}" && agree peers-agree peers peers-cpu
    # Peers who check each other: bans are masks on the device.
    local bans=(--set rounds=100 --set evaluate_every=50 --set seeds='[0]')
    matrix 30 bans btard-checks --device cuda "${bans[@]}"
    GAUNTLET_GRAPH=off matrix 40 bans-uncaptured btard-checks --device cuda "${bans[@]}"
    same_bytes same-bytes-bans-uncaptured bans bans-uncaptured
    matrix 40 bans-cpu btard-checks --device cpu "${bans[@]}" && agree bans-agree bans bans-cpu
  fi
  note ""
  if [ $device = cuda ]; then
    for cells in 64 512; do shown 15 round-$cells "$gauntlet" bench round --cells $cells --device cuda; done
    shown 20 round-agreement "$gauntlet" bench round --workers 10 --byzantine 2 --cells 64 --device cuda \
      --protocol server --protocol "agreement(rounds=1)" --protocol "agreement(rounds=8)" --protocol "gossip(graph=ring)" \
      --defense trimmed-mean --defense "nnm | rfa" --defense box-geom
    shown 15 round-btard "$gauntlet" bench round --workers 16 --byzantine 7 --cells 64 --device cuda \
      --protocol server --protocol btard --defense "centered-clipping(tau=1)"
    shown 15 rules-box-geom "$gauntlet" bench rules --cells 64 --defense box-geom --defense box-mean --device cuda
  else
    shown 15 round-2 "$gauntlet" bench round --cells 2 --rounds 4
  fi
  shown 15 passes-64 "$gauntlet" bench passes --cells 64 --device $device
  note ""
  export of=short_tests
  step 90 device-tests device_tests || cat "$logs/device-tests.log"
  gpu_step 60 memcheck compute-sanitizer --error-exitcode 9 "$gauntlet" verify --device cuda
}

tests() {
  export of=long_tests
  gpu_step 325 device-tests device_tests
  note '```'
  note "$(cat "$logs/device-tests.log")"
  note '```'
}

speed() {
  local cells bench=("$gauntlet" bench)
  step 30 verify "$gauntlet" verify --device cuda
  for cells in 1 64 512; do shown 20 round-$cells "${bench[@]}" round --cells $cells --device cuda; done
  shown 20 torch-64 python3 shared/bench/torch_batched.py cuda 64 100
  shown 20 torch-512 python3 shared/bench/torch_batched.py cuda 512 20
  shown 15 round-cnn "${bench[@]}" round --cells 64 --model cnn --rounds 20 --device cuda
  shown 20 round-attacks "${bench[@]}" round --cells 64 --attack "ipm(epsilon=1)" --attack alie --attack optimal-alie \
    --defense krum --defense trimmed-mean --device cuda
  shown 15 passes-1024 "${bench[@]}" passes --cells 1024 --device cuda
  shown 30 rules-64 "${bench[@]}" rules --cells 64 --device cuda
  shown 20 round-64-uncaptured env GAUNTLET_GRAPH=off "${bench[@]}" round --cells 64 --device cuda
  shown 20 rules-wide "${bench[@]}" rules --cells 16 --workers 64 --byzantine 15 --dimension 65536 --device cuda
  shown 40 rules-deep "${bench[@]}" rules --cells 16 --workers 25 --byzantine 5 --dimension 431080 --device cuda
  shown 40 kernels kernels
  local mnist=(--set rounds=100 --set seeds='[0, 1]' --set workers.byzantine=3) back
  for back in cuda cpu; do matrix 60 mnist-$back mnist --device $back "${mnist[@]}"; done
  agree mnist-agrees mnist-cuda mnist-cpu
  matrix 100 full-matrix full-matrix --device cuda --set rounds=20 --set evaluate_every=20
  # The tables of the repository that need no more than MNIST.
  local paper
  for paper in byzfl-like signsgd-fd ctma mu2; do matrix 90 $paper $paper --device cuda; done
  step 60 memcheck compute-sanitizer --error-exitcode 9 "$gauntlet" run experiments/quickstart.toml --device cuda \
    --out "$work/memcheck" --quiet --set rounds=8 --set evaluate_every=8 --set seeds='[0]' \
    --set task.dataset='"synthetic-digits(train=300, test=100)"' --set task.batch=5
  step 30 synccheck compute-sanitizer --tool synccheck --error-exitcode 9 "$gauntlet" verify --device cuda
}

device=cpu
"$gauntlet" doctor >"$logs/doctor.log" 2>&1
grep -q '^cuda:0' "$logs/doctor.log" && device=cuda
if [ "$mode" != check ] && [ $device = cpu ]; then
  echo "gpu.sh: no GPU here" >&2
  exit 2
fi
export gauntlet runner logs work device  # for steps that are functions
: >"$figures"
note "# $mode: $(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo 'no GPU')"
note ""
note "$(sed -n 's/^\(revision\|build\|processor\|cuda:[0-9]*\|cuda\) .*/    &/p' "$logs/doctor.log")"
note ""
$mode
note ""
if [ ${#failed[@]} -eq 0 ]; then
  note "No step failed; $SECONDS s."
else
  note "FAILED: ${failed[*]}; $SECONDS s."
fi
tar -czf "$out/logs.tgz" -C "$work" logs
exit $((${#failed[@]} > 0))
