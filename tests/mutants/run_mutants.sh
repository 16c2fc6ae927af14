#!/usr/bin/env bash
# Breaks the engine one step at a time and expects a test to notice: those of tests/schedule and tests/relacy, the Catch2
# tests of units and guarantees, or crash_probe.
#
#   run_mutants.sh [-c compiler] [-j jobs] [-k regex] [-n] [-u] source-dir build-dir
#
#   -n   only apply them
#   -u   do not run the tests unbroken: where that has been done, as by ctest
#
# The mutants are data, in *.txt beside this script: blocks of
#
#   mutant: <name>
#   breaks: <what, and why it should be noticed>
#   test: <program> <scenario or test case> [seed]
#   file: <header below include/fluxmap/detail, or ../<public header>>
#   <<<<
#   old text
#   ====
#   new text
#   >>>>
#
# A program is named without _test: one of tests/schedule by its name alone, others as relacy/NAME, unit/NAME and
# guarantees/NAME; or crash_probe.
#
# A mutant may have several edits, each with the file named before it. Old text must occur exactly once in its file, so
# a mutant that the code has left behind is an error. Each is compiled against the one test that must notice it, which
# then has to fail by itself: a mutant that does not compile counts as an error, one that hangs as noticed.
set -uo pipefail

compiler=c++
jobs=$(nproc)
only=""
dry_run="" unbroken=yes
while getopts c:j:k:nu option; do
  case $option in
    c) compiler=$OPTARG ;;
    j) jobs=$OPTARG ;;
    k) only=$OPTARG ;;
    n) dry_run=yes ;;
    u) unbroken="" ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
readonly source=$1 build=$2 compiler jobs only dry_run unbroken
readonly here=$source/tests/mutants
readonly time_limit=60

# Without warnings: a mutant may leave something unused. Not optimised: compiling takes longer than running.
readonly flags=(-std=c++20 -O0 -w -DFLUXMAP_SCHEDULE=1 -DFLUXMAP_TEST_SPLIT=1 -pthread
  "-I$source/tests" "-I$source/tests/support")

rm -rf "$build"
mkdir -p "$build/results"
cp "$here/prelude.hpp" "$here/relacy_prelude.hpp" "$here/catch_prelude.hpp" "$build"

# As those of tests/relacy are, but that they compile for longer than they run.
readonly relacy_flags=(-std=c++20 -O0 -w -DFLUXMAP_SCHEDULE=1 -DFLUXMAP_RELACY=1 "-I$source/tests" "-I$source/tests/support")

# Catch2 and Asio are compiled once; a test is its own file alone.
readonly catch_flags=(-std=c++20 -O0 -w -pthread -DBOOST_ASIO_SEPARATE_COMPILATION -DFMT_HEADER_ONLY
  "-I$source/tests" "-I$source/tests/support")

# prepare PROGRAM: what does not depend on the engine is compiled once, where a test needs it.
prepare() {
  [[ -z $dry_run ]] || return 0
  if [[ $1 == relacy/* && ! -e $build/relacy_prelude.hpp.gch ]]; then
    "$compiler" "${relacy_flags[@]}" -x c++-header "$build/relacy_prelude.hpp" -o "$build/relacy_prelude.hpp.gch" || exit 2
  elif [[ $1 == unit/* || $1 == guarantees/* ]]; then
    [[ ! -e $build/catch_prelude.hpp.gch ]] || return 0
    "$compiler" "${catch_flags[@]}" -x c++-header "$build/catch_prelude.hpp" -o "$build/catch_prelude.hpp.gch" || exit 2
    "$compiler" "${catch_flags[@]}" -c "$source/tests/support/main.cpp" -o "$build/main.o" || exit 2
    "$compiler" "${catch_flags[@]}" -c "$source/tests/support/asio.cpp" -o "$build/asio.o" || exit 2
  elif [[ $1 != relacy/* && $1 != crash_probe && ! -e $build/support.o ]]; then
    "$compiler" "${flags[@]}" -x c++-header "$build/prelude.hpp" -o "$build/prelude.hpp.gch" || exit 2
    "$compiler" "${flags[@]}" -c "$source/tests/schedule/schedule_support.cpp" -o "$build/support.o" || exit 2
  fi
}

# compile INCLUDE-DIR PROGRAM OUTPUT
compile() {
  if [[ $2 == crash_probe ]]; then  # no schedule: real threads on a disk in memory
    "$compiler" -std=c++20 -O1 -w -pthread "-I$source/tests" "-I$source/tests/support" "-I$1" "$here/crash_probe.cpp" -o "$3"
    return
  fi
  if [[ $2 == relacy/* ]]; then
    "$compiler" "${relacy_flags[@]}" "-I$1" -include "$build/relacy_prelude.hpp" "$source/tests/$2_test.cpp" -o "$3"
    return
  fi
  if [[ $2 == unit/* || $2 == guarantees/* ]]; then
    "$compiler" "${catch_flags[@]}" "-I$1" -include "$build/catch_prelude.hpp" "$source/tests/$2_test.cpp" \
      "$build/main.o" "$build/asio.o" -o "$3"
    return
  fi
  "$compiler" "${flags[@]}" "-I$1" -include "$build/prelude.hpp" "$source/tests/schedule/$2_test.cpp" \
    "$build/support.o" -o "$3"
}

# edit FILE OLD NEW: false unless OLD occurs exactly once.
edit() {
  local content
  content=$(cat "$1" && printf x) || return 1  # the x keeps newlines at the end
  content=${content%x}
  local before=${content%%"$2"*} after=${content#*"$2"}
  [[ $content == *"$2"* && $after != *"$2"* ]] || return 1
  printf '%s' "$before$3$after" >"$1"
}

# Whether there is a relacy; without it its mutants are skipped.
relacy=""
has_relacy() {
  if [[ -z $relacy ]]; then
    relacy=no
    "$compiler" -std=c++20 -fsyntax-only -include relacy/relacy.hpp -x c++ /dev/null >/dev/null 2>&1 && relacy=yes
  fi
  [[ $relacy == yes ]]
}

say() { printf '%-10s %-44s %s\n' "$1" "$2" "$3"; }

# run_mutant NAME PROGRAM SCENARIO SEED [FILE OLD NEW]...
run_mutant() {
  local name=$1 program=$2 scenario=$3 seed=$4 started=$SECONDS
  shift 4
  local dir=$build/$name
  mkdir "$dir"
  [[ -n $dry_run ]] || cp -r "$source/include/." "$dir"
  while (($# > 0)); do
    if [[ ! -e $dir/fluxmap/detail/$1 ]]; then
      mkdir -p "$dir/fluxmap/detail/${1%/*}"
      cp "$source/include/fluxmap/detail/$1" "$dir/fluxmap/detail/$1"
    fi
    if ! edit "$dir/fluxmap/detail/$1" "$2" "$3"; then
      say STALE "$name" "old text is not in $1 exactly once"
      return
    fi
    shift 3
  done
  if [[ -n $dry_run ]]; then
    say applies "$name" "$program $scenario"
    return
  fi
  if ! compile "$dir" "$program" "$dir/program" >"$dir/log" 2>&1; then
    say BROKEN "$name" "does not compile: $(grep -m 1 error: "$dir/log")"
    return
  fi
  local status=0
  FLUXMAP_SEED=$seed timeout "$time_limit" "$dir/program" "$scenario" >"$dir/log" 2>&1 || status=$?
  local how said
  said=$(sed -n '/ FAILED:$/{n;s/^ *//p;q}' "$dir/log")  # by Catch2: the line after it is the check
  if [[ -z $said ]]; then said=$(grep -v -e '^\[seed\]' -e '^replay:' "$dir/log" | tail -n 1); fi
  how="$program $scenario: $said ($((SECONDS - started)) s)"
  case $status in
    0) say SURVIVED "$name" "$how" ;;
    124) say caught "$name" "$program $scenario: hangs" ;;
    *) say caught "$name" "$how" ;;
  esac
  rm -f "$dir/program"
}

started_jobs=0
# start FUNCTION ARGUMENTS...: in the background, as soon as there is room; its output goes to a file of its own.
start() {
  while (($(jobs -rp | wc -l) >= jobs)); do wait -n || true; done
  started_jobs=$((started_jobs + 1))
  "$@" >"$build/results/$(printf '%03d' "$started_jobs")" &
}

# The tests must pass as long as nothing is broken, with the seeds that the mutants are tried with.
run_unbroken() {
  local to=$build/unbroken_${1//\//_}
  if compile "$source/include" "$1" "$to" >"$to.log" 2>&1 && FLUXMAP_SEED=1 timeout 300 "$to" >"$to.log" 2>&1; then
    say passed "(unbroken) $1" ""
  else
    say FAILED "(unbroken) $1" "see $to.log"
  fi
}

programs=""
name="" program="" scenario="" seed="" file="" old="" new="" state=outside
edits=()
flush() {
  if [[ -n $name ]]; then
    if [[ -z $program || -z $scenario || ${#edits[@]} == 0 || $state != outside ]]; then
      say BROKEN "$name" "incomplete block" >"$build/results/000_$name"
    elif [[ $name =~ $only && $program == relacy/* && -z $dry_run ]] && ! has_relacy; then
      say skipped "$name" "relacy is not here" >"$build/results/000_$name"
    elif [[ $name =~ $only ]]; then
      prepare "$program"
      start run_mutant "$name" "$program" "$scenario" "$seed" "${edits[@]}"
      [[ " $programs " == *" $program "* ]] || programs+=" $program"
    fi
  fi
  name="" program="" scenario="" file="" edits=()
}
for list in "$here"/*.txt; do
  while IFS= read -r line || [[ -n $line ]]; do
    case $state:$line in
      outside:mutant:\ *) flush && name=${line#mutant: } ;;
      outside:test:\ *) read -r program scenario seed <<<"${line#test: } 1" && seed=${seed%% *} ;;
      outside:file:\ *) file=${line#file: } ;;
      outside:'<<<<') state=old old="" ;;
      old:'====') state=new new="" ;;
      new:'>>>>') state=outside edits+=("$file" "${old%$'\n'}" "${new%$'\n'}") ;;
      old:*) old+=$line$'\n' ;;
      new:*) new+=$line$'\n' ;;
    esac
  done <"$list"
  flush
done
[[ -n $dry_run || -z $unbroken ]] || for program in $programs; do start run_unbroken "$program"; done
wait

cat "$build"/results/*
caught=$(cat "$build"/results/* | grep -c '^caught')
bad=$(cat "$build"/results/* | grep -c -v -e '^caught' -e '^passed' -e '^applies' -e '^skipped')
echo "$caught mutants caught, $bad problems"
((bad == 0 && started_jobs > 0))
