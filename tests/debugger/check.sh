#!/usr/bin/env bash
# Usage: check.sh PROGRAM CASE PYTHON. Stops the program in stop_here, reads PYTHON, and compares what CASE.gdb prints
# with CASE.expected. 77: skipped, because there is no gdb that could.
set -euo pipefail
program=$1
case=$(dirname "$0")/$2
python=$3

skip() {
  echo "skipped: $1"
  exit 77
}
command -v gdb >/dev/null || skip "gdb is not installed"
gdb -nx -batch -ex 'python print("has Python")' 2>/dev/null | grep -qx "has Python" || skip "this gdb has no Python"
gdb -nx -batch -ex run --args "$(command -v true)" 2>&1 | grep -q "exited normally" || skip "gdb may run no program here"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
gdb -nx -batch -iex "set auto-load python-scripts off" -iex "set debuginfod enabled off" -ex "set width 0" \
  -ex "break stop_here" -ex run -ex "up" -ex "source $python" \
  -ex "echo \n-- begin --" -x "$case.gdb" -ex "echo \n-- end --\n" -ex kill "$program" >"$scratch/all" 2>&1 || true
sed -n '/^-- begin --$/,/^-- end --$/p' "$scratch/all" | sed '1d;$d' >"$scratch/seen"
if ! diff "$case.expected" "$scratch/seen"; then
  echo "all that gdb said:"
  cat "$scratch/all"
  exit 1
fi
