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
