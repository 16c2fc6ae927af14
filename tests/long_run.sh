#!/usr/bin/env bash
# Every random suite with fresh seeds, again and again, for as long as one likes.
#
#   long_run.sh [-m minutes] [-j jobs] [build-dir]     (default: 60 minutes, 2 jobs, build/dev)
#
# FLUXMAP_STRESS multiplies what each does. A failure is kept below <build-dir>/long_run, with the seed that replays it,
# and the run goes on. The last line tells how often each suite has run; the exit code is 1 if any has failed. A seed that
# has failed becomes a case of the suite, or a mutant, before it is forgotten.
set -euo pipefail

minutes=60 jobs=2
while getopts m:j: option; do
  case $option in
    m) minutes=$OPTARG ;;
    j) jobs=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
cd "$(dirname "$0")/.."
readonly build=${1:-build/dev} minutes jobs
readonly kept=$build/long_run
readonly random='random|serialization|interleaving|skiplist|timing_wheel|epoch'  # units that draw seeds
mkdir -p "$kept"

# The tests that draw seeds: of these labels all, of the others by name.
names=$(
  {
    ctest --test-dir "$build" -N -L '^(stress|schedule|fuzz|crash)$'
    ctest --test-dir "$build" -N -R "$random" -L '^(unit|guarantees)$'
  } | sed -n 's/^ *Test *#[0-9]*: //p' | sort -u
)
if [[ -z $names ]]; then
  echo "$build holds no tests: configure and build it first" >&2
  exit 2
fi
pattern="^($(paste -sd '|' <<<"$names"))\$"
readonly pattern

rounds=0 failures=0
while ((SECONDS < 60 * minutes)); do
  rounds=$((rounds + 1))
  log=$kept/round-$rounds.log
  if ctest --test-dir "$build" -R "$pattern" -j "$jobs" --output-on-failure --timeout 1200 >"$log" 2>&1; then
    rm "$log"
  else
    failed=$(sed -n 's/^\t *[0-9]* - \([^ ]*\) (.*/\1/p' "$log")
    failures=$((failures + $(wc -w <<<"$failed")))
    echo "round $rounds failed, see $log: $(xargs <<<"$failed")"
    grep -h 'FLUXMAP_SEED=' "$log" || true
  fi
  echo "$((SECONDS / 60)) minutes, $rounds rounds, $failures failures"
done
echo "$(wc -l <<<"$names") suites, $rounds times each in $((SECONDS / 60)) minutes: $failures failures"
((failures == 0))
