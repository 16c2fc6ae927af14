#!/usr/bin/env bash
# Builds the tests of units, guarantees and schedules for AArch64 on a Debian x86-64 machine, and runs them under qemu-user.
#
#   run.sh [-j jobs] [-k regex] directory
#
#   -k   only the tests whose names match
#
# The machine needs the packages g++-aarch64-linux-gnu and qemu-user; Boost, Catch2 and fmt for AArch64 are unpacked below
# the directory, nothing is installed. What this shows: that the code builds for another processor, and that nothing leans
# on the alignment, the page size, the width of `char` or the locked instructions of x86. What it cannot: qemu keeps the
# strong order of the host's memory, so the weak orders of AArch64 are for tests/relacy.
set -euo pipefail

jobs=$(nproc) only="."
while getopts j:k: option; do
  case $option in
    j) jobs=$OPTARG ;;
    k) only=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
(($# == 1)) || { sed -n '2,6s/^# \?//p' "$0" >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
readonly directory source jobs only

for program in aarch64-linux-gnu-g++ qemu-aarch64 apt-get dpkg; do
  command -v "$program" >/dev/null || { echo "run.sh: $program is missing" >&2; exit 1; }
done

# The lists of another architecture are kept here, so that the system's own do not change.
if [[ ! -e $directory/root/complete ]]; then
  mkdir -p "$directory"/{lists/partial,cache/archives/partial,packages}
  apt=(apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Architectures::=arm64
    -o "Dir::State::lists=$directory/lists" -o "Dir::Cache=$directory/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update >/dev/null
  cd "$directory/packages"
  "${apt[@]}" download libboost1.83-dev 2>/dev/null || "${apt[@]}" download libboost1.81-dev
  "${apt[@]}" download catch2 libfmt-dev
  "${apt[@]}" download libfmt10 2>/dev/null || "${apt[@]}" download libfmt9
  for package in *.deb; do dpkg -x "$package" "$directory/root"; done
  touch "$directory/root/complete"
fi

cmake -S "$source" -B "$directory/build" -G Ninja \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;/usr/aarch64-linux-gnu" \
  "-DCMAKE_FIND_ROOT_PATH=$directory/root" -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY \
  "-DCMAKE_PREFIX_PATH=/usr" -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1" \
  -DFLUXMAP_TEST_BATCHES=ON -DFLUXMAP_QUICK_BUILD=ON -DFLUXMAP_BUILD_EXAMPLES=OFF -DFLUXMAP_BUILD_BENCHMARKS=OFF \
  -DFLUXMAP_TEST_HEADERS=OFF -DFLUXMAP_TEST_CONSUME=OFF -DFLUXMAP_TEST_README=OFF -DFLUXMAP_TEST_DEBUGGER=OFF \
  -DFLUXMAP_TEST_MARKS=OFF >"$directory/configure.log" || { cat "$directory/configure.log"; exit 1; }
cd "$directory/build"
ninja -j "$jobs" tests_unit tests_guarantees \
  $(ninja -t targets all | sed -n 's/^\(schedule_[a-z_]*_test\): phony$/\1/p')
ctest -j "$jobs" -L '^(unit|guarantees|schedule)$' -R "$only" --output-on-failure --timeout 3000
