#!/usr/bin/env bash
# Counts instructions and cache misses of each operation, and compares them with those that are committed.
#
#   run.sh PROGRAM COUNTS [write]
#
# PROGRAM is `counts`, COUNTS the committed table. `write` replaces the table; otherwise the exit code is 1 if a row has
# grown by more than 3 %, and 77 where the compiler or Boost is not what the table was made with. Caches: 32 KiB of data,
# 1 MiB behind it. One thread, so what valgrind counts is the same each time, but for a percent that depends on addresses.
set -euo pipefail

program=$(realpath "$1")
table=$(realpath "$2")
readonly program table mode=${3-}
work=$(mktemp -d)
readonly work
trap 'rm -rf "$work"' EXIT

cd "$work"
setarch=()
if setarch "$(uname -m)" -R true 2>/dev/null; then setarch=(setarch "$(uname -m)" -R); fi
env -i PATH="$PATH" "${setarch[@]}" valgrind --tool=callgrind --cache-sim=yes --I1=32768,8,64 --D1=32768,8,64 --LL=1048576,16,64 \
  --instr-atstart=no --callgrind-out-file="$work/out" "$program" >built 2>log || { cat log; exit 1; }

compiler=$(head -n 1 built)
{
  echo "# instructions, misses of the first level (data), misses of the second, of one operation; $compiler"
  for dump in "$work"/out.*; do
    awk '
      /^desc: Trigger: Client Request: / { name = $5; times = $6 }
      /^events: / { for (i = 2; i <= NF; ++i) at[$i] = i }
      /^(summary|totals): / {
        first = $at["D1mr"] + $at["D1mw"]
        last = $at["DLmr"] + $at["DLmw"] + $at["ILmr"]
        if (times > 0) printf "%-14s %8.0f %8.2f %8.2f\n", name, $at["Ir"] / times, first / times, last / times
        times = 0
      }' "$dump"
  done
} >counts
cat counts

if [[ $mode == write ]]; then
  cp counts "$table"
  exit 0
fi
if [[ $(head -n 1 counts) != $(head -n 1 "$table") ]]; then
  echo "The table was made with another compiler or Boost: not compared."
  exit 77
fi
awk '
  /^#/ { next }
  FNR == NR { before[$1] = $2; misses[$1] = $4; next }
  !($1 in before) { printf "%s is not in the table\n", $1; bad = 1; next }
  {
    seen[$1] = 1
    if ($2 > 1.03 * before[$1]) { printf "%s takes %d instructions, %d before\n", $1, $2, before[$1]; bad = 1 }
    if ($4 > 1.03 * misses[$1] + 0.1) { printf "%s misses %.2f times, %.2f before\n", $1, $4, misses[$1]; bad = 1 }
  }
  END {
    for (name in before) if (!(name in seen)) { printf "%s was not counted\n", name; bad = 1 }
    exit bad
  }' "$table" counts
