#!/usr/bin/env bash
# Clients that take all the descriptors they can get: those that are too many are told so, the log goes on in other
# files, checkpoints are written, and nothing that was answered is lost. Where there is no descriptor at all any more,
# clients wait until there is, and the server does not spin.
#
#   descriptors.sh SERVER REDIS-CLI
server=$1 redis_cli=$2
source "$(dirname "$0")/servers.sh"

clients=150 limit=120  # descriptors of the server, fewer than clients that come
value=60000 values=1500  # of the log, 90 MB: several files, and a checkpoint

# The limit is the server's, not ours.
under_limit() { ulimit -n "$limit" && exec "$real_server" "$@"; }
real_server=$server
server=under_limit
start_ours --durability relaxed --dir "$scratch/database" --threads 2
allowed=$("$redis_cli" -p "$ours_port" config get maxclients | tail -n 1)
((allowed > 0 && allowed < limit)) || fail "$allowed clients under $limit descriptors"

# One of them is there before the others come.
coproc CLI { "$redis_cli" -p "$ours_port" 2>&1; }
cli_pid=$CLI_PID
exec {cli_out}<&"${CLI[0]}" {cli_in}>&"${CLI[1]}" {CLI[1]}>&-
reply() { IFS= read -r line <&"$cli_out" || fail "no reply"; }
echo ping >&"$cli_in"
reply
[[ $line == PONG ]] || fail "ping: $line"

sockets=()
served=1 refused=0
for ((i = 0; i < clients; ++i)); do
  exec {other}<>"/dev/tcp/127.0.0.1/$ours_port"
  printf 'ping\r\n' >&"$other" || true
  sockets+=("$other")
done
for other in "${sockets[@]}"; do
  IFS= read -r line <&"$other" || fail "a client was neither served nor told why"
  case $line in
    +PONG*) served=$((served + 1)) ;;
    "-ERR max number of clients reached"*) refused=$((refused + 1)) ;;
    *) fail "a client was told $line" ;;
  esac
done
((served == allowed && served + refused == clients + 1)) || fail "$served served of $allowed, $refused refused"

# With all of them connected.
awk -v size="$value" -v n="$values" 'BEGIN {
  for (text = "x"; length(text) < size; text = text text) { }
  for (i = 0; i < n; ++i) print "set key:" i " " substr(text, 1, size)
}' >&"$cli_in" &
writer=$!
for ((i = 0; i < values; ++i)); do
  reply
  [[ $line == OK ]] || fail "set key:$i: $line"
done
wait "$writer"
for ((i = 0; i < 5000; ++i)); do
  echo "info persistence" >&"$cli_in"
  for (( ; ; )); do
    reply
    if [[ $line =~ ^checkpoints:([0-9]+) ]]; then checkpoints=${BASH_REMATCH[1]}; fi
    if [[ $line == truncated_bytes* ]]; then break; fi
  done
  if ((checkpoints > 0)); then break; fi
done
((checkpoints > 0)) || fail "no checkpoint was written"
log_files=$(ls "$scratch/database" | wc -l)

# The clients go, and others are served.
for other in "${sockets[@]}"; do exec {other}>&-; done
exec {cli_in}>&-
wait "$cli_pid" || true
for ((i = 0; i < 2000; ++i)); do
  if [[ $("$redis_cli" -p "$ours_port" ping 2>&1) == PONG ]]; then break; fi
done
stop_ours

server=$real_server
start_ours --durability relaxed --dir "$scratch/database"
for i in 0 1 $((values / 2)) $((values - 1)); do
  [[ $("$redis_cli" -p "$ours_port" strlen "key:$i") == "$value" ]] || fail "key:$i was lost"
done
[[ $("$redis_cli" -p "$ours_port" dbsize) == "$values" ]] || fail "keys were lost"
stop_ours

# No descriptors at all, which clients alone cannot bring about: the limit is lowered under a server that runs.
if command -v prlimit >"$scratch/prlimit"; then
  start_ours --durability memory
  cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$ours_pid/stat"; }
  soft=$(prlimit --pid "$ours_pid" --nofile --noheadings --raw --output SOFT)
  prlimit --pid "$ours_pid" --nofile=3:
  exec {socket}<>"/dev/tcp/127.0.0.1/$ours_port"
  printf 'ping\r\n' >&"$socket"
  before=$(cpu_ticks)
  sleep 1  # the time over which it is looked at
  after=$(cpu_ticks)
  ((after - before < $(getconf CLK_TCK) / 2)) || fail "it spins without descriptors: $((after - before)) ticks in a second"
  prlimit --pid "$ours_pid" --nofile="$soft":
  IFS= read -r line <&"$socket" || fail "a client that waited was not served"
  [[ $line == +PONG* ]] || fail "a client that waited was told $line"
  exec {socket}>&-
  stop_ours
fi

# A limit under which there is no room for anybody is an error, and one that says what to do.
if (ulimit -n 20 && exec "$server" --port 0 --durability memory) >"$scratch/refused" 2>&1; then fail "it started"; fi
grep -q 'ulimit -n' "$scratch/refused" || fail "it said: $(cat "$scratch/refused")"
echo "$served served, $refused refused, $log_files files"
