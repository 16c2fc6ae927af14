#!/usr/bin/env bash
# What docs/comparison.md says of Redis: MULTI, WATCH, scripts, and what is kept by default. Starts redis-server on a
# socket in a directory of its own.
set -euo pipefail

directory=$(mktemp -d)
redis-server --port 0 --unixsocket "$directory/socket" --dir "$directory" --save '' >"$directory/log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$directory"' EXIT

redis() { redis-cli -s "$directory/socket" "$@"; }
for _ in $(seq 100); do
  if redis ping >/dev/null 2>&1; then break; fi
  sleep 0.1
done

failed=0
# holds STATEMENT WANTED SEEN
holds() {
  if [[ $2 == "$3" ]]; then
    echo "  seen      $1"
  else
    echo "  NOT SEEN  $1: '$3' instead of '$2'"
    failed=1
  fi
}
one_line() { tr '\n' ' ' | sed 's/ *$//'; }

redis-server --version

holds "there is no log unless one asks for it" "appendonly no" "$(redis config get appendonly | one_line)"
holds "which is then synced every second" "appendfsync everysec" "$(redis config get appendfsync | one_line)"

redis set text words >/dev/null
printf 'multi\nset a 1\nlpush text x\nset b 2\nexec\n' | redis >/dev/null
holds "a command that fails in MULTI undoes no other, nor stops those after it" "1 2" "$(redis mget a b | one_line)"

redis eval "redis.call('set', 'c', '3'); redis.call('lpush', 'text', 'x')" 0 >/dev/null 2>&1 || true
holds "nor does a script that fails undo what it has done" "3" "$(redis get c)"

# watch COMMANDS: what EXEC says when these, of one connection, stand between WATCH and MULTI.
watch() { printf '%s\n' "watch watched" "$@" "multi" "ping" "exec" | redis | tail -n 1; }
redis set watched 1 >/dev/null
holds "EXEC runs where the watched key was only read" "PONG" "$(watch "get watched")"
holds "and does not where it was written" "" "$(watch "set watched 2")"
holds "with the value that it had, too" "" "$(watch "set watched 2")"

redis zadd scores 2 b 1 a 3 c >/dev/null
holds "sorted sets are in order" "b c" "$(redis zrangebyscore scores 2 3 | one_line)"
exit "$failed"
