#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packs what tests/gpu.sh needs on a bare machine with a GPU into one folder, out/gpu, which git ignores: binaries for
# compute capability 9.0 with all but cuBLAS and the C library linked in, specs, golden vectors and MNIST if they are
# beside the checkout. Prints the commands to give there. Exit code 1 where a bare machine would miss a library or the
# folder is larger than 40 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset carry >&2
cmake --build --preset carry -j "$(nproc)" --target gauntlet gauntlet_tests gauntlet_example >&2

folder=out/gpu
rm -rf "$folder"
mkdir -p "$folder/pack/bin" "$folder/pack/shared/data"
pack=$folder/pack
status=0
for binary in gauntlet tests/gauntlet_tests tests/gauntlet_example; do
  strip -o "$pack/bin/$(basename "$binary")" "build/carry/$binary"
  # Every Linux has the C library, and the toolkit of that machine cuBLAS.
  missing=$(readelf -d "build/carry/$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vE '^(lib(c|m|pthread|dl|rt|cublas|cublasLt)\.so|ld-linux)' || true)
  if [ -n "$missing" ]; then
    printf '%s needs what a bare machine may not have: %s\n' "$binary" "$missing" >&2
    status=1
  fi
done
cp -r experiments tests/kernel_table.py "$pack/"
for part in golden golden-protocols bench data/mnist; do
  [ -d "../shared/$part" ] && cp -r "../shared/$part" "$pack/shared/$part"
done
# The files of tests that run on every back end there is; the longest of the long ones first.
git ls-files 'tests/*_test.c*' | grep -v ^tests/emulator/ | xargs grep -l test_backends | sed 's#.*/\(.*\)[.].*#\1#' |
  sort -u >"$folder/names"
for name in every_defense verify agreement agreement_attacks btard_simulation largest_numbers every_attack consensus protocols_golden \
  signsgd simulation views spectral search trusted; do
  grep -x "${name}_test" "$folder/names" || { printf '%s: no such test\n' "$name" >&2; status=1; }
done >"$pack/long_tests"
grep -vxFf "$pack/long_tests" "$folder/names" >"$pack/short_tests"
rm "$folder/names"
chmod -R u+w "$pack"
# Three binaries made of the same objects: with a window that holds them all they cost little more than one.
tar -c -C "$folder" pack | xz -T1 --lzma2=preset=2,dict=128MiB >"$folder/pack.tar.xz"
rm -r "$pack"
cp tests/gpu.sh "$folder/"

bytes=$(du -sb "$folder" | cut -f1)
[ "$bytes" -le 40000000 ] || status=1
printf '%s: %d MB (40 at most)\n' "$folder" $((bytes / 1000000))
cat <<TEXT
On the machine with the GPU, from a folder that holds $folder, in three calls:
  bash $folder/gpu.sh check OUT
  bash $folder/gpu.sh tests OUT
  bash $folder/gpu.sh speed OUT
TEXT
exit $status
