#!/usr/bin/env bash
# Loads the page in a headless Chromium, where there is one, and looks whether its plots move.
#   check_page.sh PROGRAM PAGE.html
set -euo pipefail

readonly program=$1 page=$2
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [[ -z $chromium ]]; then
  echo "There is no Chromium here: nobody has looked at the page."
  exit 77  # ctest: skipped
fi

profile=$(mktemp -d)
server=
cleanup() {
  if [[ -n $server ]]; then kill -INT "$server" 2>/dev/null || true; fi
  rm -rf "$profile"
}
trap cleanup EXIT

sandbox=()
if ((EUID == 0)); then sandbox=(--no-sandbox); fi
# The document after ten seconds of its own time, which does not wait for real time.
dump() {
  timeout 100 "$chromium" --headless "${sandbox[@]}" --disable-gpu --user-data-dir="$profile" --window-size=1400,1100 \
    --virtual-time-budget=10000 --dump-dom "$1" 2>/dev/null
}
attribute() { sed -n "s/.*<body[^>]* $1=\"\([^\"]*\)\".*/\1/p" <<<"$document"; }
failed() {
  echo "$1"
  grep -o '<body[^>]*>' <<<"$document" || true
  exit 1
}

exec {output}< <(exec "$program" --seconds 110)
server=$!
read -r _ address <&"$output"

document=$(dump "$address")
[[ $(attribute data-state) == live ]] || failed "the page is not live"
[[ -z $(attribute data-errors) ]] || failed "the page has errors"
(($(attribute data-samples) >= 10)) || failed "too few samples"
(($(attribute data-moved) >= 5)) || failed "the numbers did not move"
lines=$(grep -oE 'class="line[^"]*" d="M[^"]*(L[^"L]*){5}' <<<"$document" | wc -l)
((lines >= 15)) || failed "only $lines lines were drawn"
grep -qE '<div class="tile"><b>[0-9.]+<small>' <<<"$document" || failed "no tile has a number"
! grep -qE 'NaN|undefined|Infinity' < <(sed 's/<script>/\n<script>/;' <<<"$document" | sed '/<script>/,$d') ||
  failed "a number is not one"

kill -INT "$server"
wait "$server" || failed "the dashboard did not end well"
server=

document=$(dump "file://$page")  # there is no server behind this one
[[ $(attribute data-state) == disconnected ]] || failed "the page does not say that it is disconnected"
[[ -z $(attribute data-errors) ]] || failed "the page has errors when it is disconnected"
echo "$lines lines move, and the page knows when they do not"
