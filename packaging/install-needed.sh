#!/bin/sh
# Installs what this repository's own programs need, on Debian, Ubuntu and what is made from them.
#
#   install-needed.sh run      a compiler, CMake, Ninja, Boost, fmt, CLI11 and oneTBB: for the first programs
#   install-needed.sh plain    Catch2 besides: for the tests of the library (the preset `plain`)
#   install-needed.sh test     Catch2, Redis, clang, relacy, Doxygen, gdb, Chromium … besides: for all tests
#
# No package is ever removed. Where the Boost that is new enough excludes one that is installed, its headers are unpacked
# below build/packages instead, where the presets look. On other systems it says what is missing.
set -eu
cd "$(dirname "$0")/.."

case ${1-} in
  run | plain | test) wanted=$1 ;;
  *)
    echo "usage: install-needed.sh run|plain|test" >&2
    exit 2
    ;;
esac

readonly needed_boost=108100  # as BOOST_VERSION counts: 1.81

# The BOOST_VERSION of an include directory; 0: there is none.
boost_of() {
  if [ -r "$1/boost/version.hpp" ]; then
    sed -n 's/^#define BOOST_VERSION \([0-9]*\).*/\1/p' "$1/boost/version.hpp"
  else
    echo 0
  fi
}
has_boost() {
  for directory in build/packages/usr/include /usr/local/include /usr/include; do
    if [ "$(boost_of "$directory")" -ge "$needed_boost" ]; then return 0; fi
  done
  return 1
}

if ! command -v apt-get >/dev/null; then
  missing=""
  for program in cmake ninja; do
    if ! command -v "$program" >/dev/null; then missing="$missing $program"; fi
  done
  if ! command -v g++ >/dev/null && ! command -v clang++ >/dev/null; then missing="$missing g++"; fi
  if ! has_boost; then missing="$missing Boost>=1.81"; fi
  if [ -z "$missing" ]; then exit 0; fi  # the libraries are CMake's to find
  echo "There is no apt-get here. Install, by what this system has instead:$missing, fmt, CLI11" >&2
  echo "and for the tests Catch2 (oneTBB, Redis, clang, Doxygen, gdb and Chromium are used where they are)." >&2
  exit 1
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Packages have to be installed: run this as root, or install sudo." >&2
    exit 1
  fi
  as_root=sudo
fi
$as_root apt-get update -q

# The candidate version of a package; empty: there is no such package.
candidate() { apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true; }
# Of these packages, in this order, the first that there is.
first_of() {
  for package; do
    if [ -n "$(candidate "$package")" ]; then
      echo "$package"
      return
    fi
  done
}

# The package with a Boost that is new enough: the usual one, or the newest that bears its version in its name.
boost_package() {
  version=$(candidate libboost-dev)
  if [ -n "$version" ] && dpkg --compare-versions "$version" ge 1.81; then
    echo libboost-dev
    return
  fi
  apt-cache search --names-only '^libboost1\.[0-9]*-dev$' | sed 's/ .*//' | sort -t. -k2 -n | while read -r package; do
    version=$(candidate "$package")
    if [ -n "$version" ] && dpkg --compare-versions "$version" ge 1.81; then echo "$package"; fi
  done | tail -n 1
}

packages="cmake g++ ninja-build libfmt-dev libcli11-dev libtbb-dev"
if [ "$wanted" = plain ]; then packages="$packages catch2"; fi
if [ "$wanted" = test ]; then
  clang=$(first_of clang-22 clang-21 clang-20 clang-19 clang-18 clang-17 clang-16)
  sanitizers="$(first_of clang-19) $(first_of libclang-rt-19-dev)"  # .ci/run compiles their tests by it
  browser=""  # Ubuntu's package of this name only leads to another way of installing it
  if [ "$(. /etc/os-release && echo "$ID")" = debian ]; then browser=chromium; fi
  format=$(first_of clang-format-19)  # the tree is formatted by this version; others differ
  relacy=$(first_of relacy-dev)
  packages="$packages catch2 pkg-config redis-server redis-tools doxygen gdb valgrind $relacy $clang $sanitizers $format $browser"
fi

unpacked=""
if ! has_boost; then
  boost=$(boost_package)
  if [ -z "$boost" ]; then
    echo "This system has no package of Boost 1.81 or newer. Unpack one (headers are enough) and set BOOST_ROOT." >&2
    exit 1
  fi
  # shellcheck disable=SC2086  # a list
  if apt-get -s install --no-install-recommends $packages "$boost" | grep -q '^Remv'; then
    unpacked=$boost
  else
    packages="$packages $boost"
  fi
fi

# shellcheck disable=SC2086
if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends --no-remove $packages; then
  echo "Not all packages could be installed without removing others: see above. Nothing was removed." >&2
  exit 1
fi

if [ -n "$unpacked" ]; then
  echo "$unpacked would remove packages that are installed: its headers go to build/packages instead."
  mkdir -p build/packages/archives
  (
    cd build/packages/archives
    # The version only where the usual package is new enough and stands for another one.
    real=$(apt-cache depends "$unpacked" | sed -n 's/^ *Depends: \(libboost1\.[0-9]*-dev\)$/\1/p')
    apt-get download -q "${real:-$unpacked}"
  )
  for archive in build/packages/archives/*.deb; do dpkg-deb -x "$archive" build/packages; done
fi
