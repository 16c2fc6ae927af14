#!/usr/bin/env bash
# SCAN misses no key that is there from the first call to the last: across a restart, after so many other cursors that
# the first is forgotten, and beside cursors that the server never gave out.
#
#   scan.sh SERVER REDIS-CLI
server=$1 redis_cli=$2
source "$(dirname "$0")/servers.sh"

keys=3000
cli() { "$redis_cli" -p "$ours_port" "$@"; }
start() { start_ours --durability relaxed --dir "$scratch/database"; }
# step CURSOR COUNT: appends the keys to $scratch/found, sets cursor.
step() {
  cli scan "$1" count "$2" >"$scratch/reply"
  read -r cursor <"$scratch/reply"
  tail -n +2 "$scratch/reply" >>"$scratch/found"
}
finish_scan() {
  local calls=0
  while [[ $cursor != 0 ]]; do
    step "$cursor" 500
    ((++calls < 100)) || fail "$1: the scan does not end"
  done
  sort -u "$scratch/found" | cmp - "$scratch/all" || fail "$1: keys are missing"
}

start
awk -v n="$keys" 'BEGIN { for (i = 0; i < n; ++i) printf "set key:%06d %d\n", i, i }' | cli >"$scratch/set"
seq -f 'key:%06g' 0 $((keys - 1)) | sort >"$scratch/all"

# Another client has taken the first cursors of the new run before the old one is shown.
: >"$scratch/found"
step 0 1700
old=$cursor
((old < 1 << 53)) || fail "the cursor $old does not fit into a double"
stop_ours
start
for ((i = 0; i < 20; ++i)); do cli scan 0 count $((i * 10 + 1)) >"$scratch/others"; done
cursor=$old
finish_scan restart
(($(wc -l <"$scratch/found") == keys)) || fail "a scan that went on returned keys again"

# The same, and the key that the cursor stands for has gone: then the scan begins anew.
: >"$scratch/found"
step 0 100
old=$cursor
stop_ours
start
cli del key:000099 >"$scratch/deleted"
sed -i /key:000099/d "$scratch/all"
: >"$scratch/found"
cursor=$old
step "$cursor" 500
finish_scan "restart, and its key removed"

# Cursors that nobody was given.
for made_up in 1 2 12345 9007199254740991 9007199254740992 18446744073709551615 -1 ""; do
  : >"$scratch/found"
  step "$made_up" 500
  finish_scan "the cursor '$made_up'"
done

# A slow scan beside others that are given so many cursors that the server has to forget its own: their keys are long.
: >"$scratch/found"
step 0 50
slow=$cursor
awk 'BEGIN {
  for (long = "x"; length(long) < 60000; long = long long) { }
  for (i = 0; i < 300; ++i) printf "set longer:%03d:%s x\n", i, substr(long, 1, 60000)
  for (i = 0; i < 300; ++i) printf "scan 0 match longer:* count %d\n", i
}' | sed 's/^scan 0 match longer:\* count 0$/ping/' | cli >"$scratch/many"
cursor=$slow
while [[ $cursor != 0 ]]; do step "$cursor" 500; done
grep '^key:' "$scratch/found" | sort | cmp - "$scratch/all" || fail "the slow scan missed keys, or went over them again"
stop_ours
echo "no key was missed"
