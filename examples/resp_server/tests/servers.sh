# For the scripts of this directory: starts servers and waits until they listen, by what they print and not by time.
# Everything they write is in $scratch, which goes with them.
set -euo pipefail

scratch=$(mktemp -d)
pids=()
finish() {
  local status=$?
  for pid in "${pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$scratch"
  exit "$status"
}
trap finish EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# start_ours OPTIONS...: sets ours_port and ours_pid.
start_ours() {
  local line
  rm -f "$scratch/said"
  mkfifo "$scratch/said"
  "$server" --port 0 "$@" >"$scratch/said" 2>&1 &
  ours_pid=$!
  pids+=("$ours_pid")
  exec {ours_said}<"$scratch/said"
  read -r line <&"$ours_said" || fail "the server did not start"
  [[ $line == listening* ]] || fail "the server said: $line"
  ours_port=${line##*:}
}
# stop_ours: as an operator would.
stop_ours() {
  kill -TERM "$ours_pid"
  wait "$ours_pid" || fail "the server ended with $?"
}

# One connection to ours, byte by byte, in $socket.
connect() { exec {socket}<>"/dev/tcp/127.0.0.1/$ours_port"; }
leave() { exec {socket}>&-; }
# send FORMAT: the bytes, as printf writes them. The server may have closed already.
send() { printf "$1" >&"$socket" 2>"$scratch/refused" || true; }
# expect TEXT: the next reply line must be that.
expect() {
  local line
  IFS= read -r line <&"$socket" || fail "no answer; wanted: $1"
  [[ $line == "$1"$'\r' ]] || fail "wanted: $1, got: $line"
}
expect_end() {
  local line
  if IFS= read -r line <&"$socket" 2>"$scratch/refused"; then fail "wanted the end, got: $line"; fi
  leave
}

# start_redis OPTIONS...: sets redis_port and redis_pid. It cannot choose a port by itself: try some.
start_redis() {
  local line
  for _ in {1..50}; do
    redis_port=$((20000 + RANDOM % 20000))
    rm -f "$scratch/redis_said"
    mkfifo "$scratch/redis_said"
    "$redis_server" --port "$redis_port" --bind 127.0.0.1 --save '' --dir "$scratch" "$@" >"$scratch/redis_said" 2>&1 &
    redis_pid=$!
    exec {redis_said}<"$scratch/redis_said"
    while read -r line <&"$redis_said"; do
      if [[ $line == *"Ready to accept"* ]]; then
        pids+=("$redis_pid")
        return
      fi
    done
    wait "$redis_pid" || true
  done
  fail "redis-server did not start"
}
