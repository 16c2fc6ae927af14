#!/usr/bin/env bash
# Runs the two command lines of the README as a newcomer would: in a fresh root of a distribution, with nothing installed.
#
#   run.sh [-d directory] [-p packages] [-l run|test|both|plain|basic] [suite...]
#
#   -d   where the roots are made (default: a temporary directory); the downloaded ones are kept there for the next time
#   -p   packages that are installed before, as on a machine that is in use
#   -l   which line (default: both); plain: the tests of the library alone; basic: of these, units and guarantees
#   suites of Debian (default: bookworm trixie). MIRROR may name another mirror.
#
# Needs root and debootstrap. Says how long each line took; fails where one does. What is committed is tried.
set -euo pipefail

directory="" packages="" lines="run test" keep=""
while getopts d:p:l: option; do
  case $option in
    d) directory=$OPTARG keep=yes ;;
    p) packages=$OPTARG ;;
    l) if [[ $OPTARG == both ]]; then lines="run test"; else lines=$OPTARG; fi ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
if (($# == 0)); then set -- bookworm trixie; fi
readonly suites=("$@")
source=$(cd "$(dirname "$0")/../.." && pwd)
readonly source packages lines keep
if [[ -z $directory ]]; then directory=$(mktemp -d); fi
mkdir -p "$directory"

readonly clean="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
inside() { chroot "$root" env -i HOME=/root PATH="$clean" LC_ALL=C.UTF-8 sh -c "$1"; }
root=""
leave() {
  if [[ -n $root && -d $root ]]; then
    umount -l "$root/proc" "$root/dev" 2>/dev/null || true
    rm -rf --one-file-system "$root"
  fi
  root=""
}
trap 'leave; if [[ -z $keep ]]; then rm -rf "$directory"; fi' EXIT

# The line in the sh block that follows the marker in the README.
readme_line() {
  case $1 in
    plain)
      echo "packaging/install-needed.sh plain && cmake --workflow --preset plain"
      return
      ;;
    basic)
      echo "packaging/install-needed.sh plain && cmake --preset plain &&
        cmake --build --preset plain --target tests_unit tests_guarantees &&
        ctest --preset plain -L '^(unit|guarantees)$'"
      return
      ;;
  esac
  awk -v marker="<!-- ci:$1 -->" '
    $0 == marker { armed = 1; next }
    armed && $0 == "```sh" { inside = 1; next }
    inside && $0 == "```" { exit }
    inside { print }' "$source/README.md"
}

status=0
for suite in "${suites[@]}"; do
  if [[ ! -e $directory/$suite.tar ]]; then
    debootstrap --variant=minbase "$suite" "$directory/$suite" "${MIRROR:-http://deb.debian.org/debian}" >"$directory/$suite.log"
    tar -C "$directory/$suite" -cf "$directory/$suite.tar" .
    rm -rf --one-file-system "${directory:?}/$suite"
  fi
  for line in $lines; do
    root=$directory/$suite-$line
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    tar -C "$root" -xf "$directory/$suite.tar"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --make-rslave "$root/dev"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    mkdir "$root/fluxmap"
    git -C "$source" archive HEAD | tar -C "$root/fluxmap" -x
    if [[ -n $packages ]]; then
      inside "apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $packages" \
        >"$directory/$suite-$line.log" 2>&1
      inside "dpkg-query -W -f '\${Package}\n'" >"$directory/before"
    fi
    started=$(date +%s)
    if inside "cd /fluxmap && $(readme_line "$line")" >>"$directory/$suite-$line.log" 2>&1; then
      result=passed
    else
      result=FAILED status=1
    fi
    took=$(($(date +%s) - started))
    if [[ -n $packages ]]; then
      removed=$(comm -23 "$directory/before" <(inside "dpkg-query -W -f '\${Package}\n'"))
      if [[ -n $removed ]]; then result="FAILED: removed $(wc -w <<<"$removed") packages" status=1; fi
    fi
    printf '%-10s %-5s %4d s  %s  (%s)\n' "$suite" "$line" "$took" "$result" "$directory/$suite-$line.log"
    grep -E 'tests? failed out of [0-9]+' "$directory/$suite-$line.log" | tail -n 1 || true
    if [[ $result == FAILED* ]]; then tail -n 30 "$directory/$suite-$line.log"; fi
    leave
  done
done
exit "$status"
