#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# ./gauntlet.sh ARGS               builds what changed, then is the binary: same output, same exit code
# ./gauntlet.sh test [CTEST ARGS]  builds and runs the tests
# ./gauntlet.sh setup [PACKAGE...] installs what the build needs, and PACKAGEs
#
# GAUNTLET_BUILD       build folder (build/release beside this script)
# GAUNTLET_CUDA        ON or OFF: with the CUDA half, which takes minutes to compile, or without; by default ON where
#                      there are a GPU and a compiler for it
# GAUNTLET_RULES       folder of rules and attacks of your own, *.cu, that become part of the program
# GAUNTLET_CMAKE_ARGS  more arguments for CMake, such as -DGAUNTLET_CUDA=OFF
#
# All of its own messages go to stderr.
set -euo pipefail

source_dir=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
build_dir=$(realpath -m "${GAUNTLET_BUILD:-$source_dir/build/release}")

packages=(g++ cmake ninja-build pkg-config git
  libcli11-dev libfmt-dev libtomlplusplus-dev nlohmann-json3-dev zlib1g-dev libopenblas-dev librandom123-dev catch2)

say() { printf 'gauntlet.sh: %s\n' "$*" >&2; }

# Prints those of the named Debian packages that are not installed. A tool counts however it came here.
missing_packages() {
  local installed package tool
  installed=$'\n'$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)$'\n'
  for package in "$@"; do
    tool=${package/#ninja-build/ninja}
    [[ $installed == *$'\n'"installed $package"$'\n'* ]] || command -v "$tool" >/dev/null || printf '%s\n' "$package"
  done
}

# Installs the missing ones of the named packages where it may; else says how and exits with 2.
install_packages() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  if ! command -v apt-get >/dev/null; then
    say "no apt-get here: install what Debian calls ${missing[*]}"
    return 0  # CMake decides whether they are there
  fi
  if [[ $EUID -ne 0 ]]; then
    if ! sudo -n true 2>/dev/null; then
      printf 'sudo apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
      exit 2
    fi
    as_root=(sudo -n)
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq >&2 || true  # one dead source need not matter
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >&2
}

# Whether the CUDA half is to be built: as asked, or where it could run.
cuda_choice() {
  if [[ -n ${GAUNTLET_CUDA:-} ]]; then
    printf '%s\n' "$GAUNTLET_CUDA"
  elif compgen -G '/dev/nvidia[0-9]*' >/dev/null || [[ -e /dev/dxg ]]; then
    printf 'AUTO\n'
  else
    printf 'OFF\n'
  fi
}

# All that decides a configuration; kept beside it, so that another one, a moved folder or one that stopped half-way
# is configured anew.
configuration() {
  printf '%s\n' "$source_dir" "$build_dir" "$(cuda_choice)" "${GAUNTLET_RULES:-}" "${GAUNTLET_CMAKE_ARGS:-}" "${CXX:-}" "${CUDACXX:-}" \
    "$(PATH=$PATH:/usr/local/cuda/bin command -v nvcc || true)"
}

configure() {
  local arguments rules=()
  [[ -z ${GAUNTLET_RULES:-} ]] || rules=("-DGAUNTLET_RULES=$(realpath -m "$GAUNTLET_RULES")")
  read -ra arguments <<<"${GAUNTLET_CMAKE_ARGS:-}"
  say "configuring $build_dir"
  [[ -n ${GAUNTLET_CUDA:-} || $(cuda_choice) != OFF ]] ||
    say "no GPU here: building for the CPU only; GAUNTLET_CUDA=ON builds for both"
  rm -f "$build_dir/configuration"
  cmake --fresh -G Ninja -S "$source_dir" -B "$build_dir" "-DGAUNTLET_CUDA=$(cuda_choice)" "${rules[@]}" "${arguments[@]}" >&2
  configuration >"$build_dir/configuration"
}

# ninja's progress on stderr, without the steps that every build takes.
ninja_build() {
  local every_time='^(\[[0-9/]+\] (build_info|Re-checking globbed .*)|ninja: (Entering .*|no work to do\.))$'
  ninja -C "$build_dir" -j "$(nproc)" "$@" 2>&1 | { grep --line-buffered -vE "$every_time" >&2 || true; }
}

# Brings the named targets up to date; ends the script if they do not build.
build() {
  install_packages "${packages[@]}"
  mkdir -p "$build_dir"
  exec {lock}>"$build_dir/lock"
  flock "$lock"  # shards started side by side build once
  [[ -f $build_dir/build.ninja && "$(configuration)" == "$(cat "$build_dir/configuration" 2>/dev/null)" ]] || configure
  if ! ninja_build "$@"; then
    # It is the code's fault, unless the build folder itself is broken.
    if ninja -C "$build_dir" build.ninja >/dev/null 2>&1; then
      say "the build failed"
      exit 1
    fi
    configure
    ninja_build "$@"
  fi
  exec {lock}>&-
}

case ${1:-} in
  setup)
    shift
    install_packages "${packages[@]}" "$@"
    ;;
  test)
    shift
    build all
    exec ctest --test-dir "$build_dir" --output-on-failure -j "$(nproc)" "$@"
    ;;
  *)
    build gauntlet
    exec "$build_dir/gauntlet" "$@"
    ;;
esac
