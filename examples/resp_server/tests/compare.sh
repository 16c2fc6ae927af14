#!/usr/bin/env bash
# The same commands to our server and to redis-server: the replies must be the same, byte for byte.
#
#   compare.sh SERVER REDIS-SERVER REDIS-CLI
#
#   scripts/*.txt     one client, through redis-cli, in RESP2 and RESP3
#   scripts/*.sorted  the same, where Redis replies in no order: the lines are compared sorted
#   scripts/*.two     two clients: "A command" and "B command"; each reply of A is one line, but for the last
#   scripts/*.raw     bytes, as printf writes them, in one piece through a socket
#   scripts/password/*.raw    the same, of servers that want a password
# Random commands come on top, one by one and as one pipeline; RESP_SEED replays them.
server=$1 redis_server=$2 redis_cli=$3
here=$(cd "$(dirname "$0")" && pwd)
source "$here/servers.sh"

start_ours --durability relaxed --dir "$scratch/database"
start_redis
compared=0

# Without the lines that are comments.
commands() { grep -v '^#' "$1" || true; }

# redis-cli says how long a reply took where it was long: not to be compared. Nor is how much is left of the 100 seconds
# that the scripts give, on a machine that is busy.
without_times() { sed -uE '/^\([0-9.]+s\)$/d; s/^\(integer\) (100|9[0-9])$/(integer) about 100/'; }
run_one() { "$redis_cli" --no-raw "$@" 2>&1 | without_times; }

run_two() {
  local who command line status
  coproc A { "$redis_cli" --no-raw "$@" 2>&1 | without_times; }
  local pid=$A_PID out=${A[0]} in=${A[1]}
  while read -r who command; do
    if [[ $who == A ]]; then
      echo "$command" >&"$in"
      read -r line <&"$out"
      echo "A: $line"
    else
      echo "B: $(echo "$command" | run_one "$@")"
    fi
  done
  exec {in}>&-
  cat <&"$out"
  wait "$pid" || true
}

# The replies to bytes, until the other side closes.
run_raw() {
  local port=$1 socket
  exec {socket}<>"/dev/tcp/127.0.0.1/$port"
  cat >&"$socket"
  cat <&"$socket"
  exec {socket}>&-
}

same() {
  local what=$1
  if ! cmp -s "$scratch/ours" "$scratch/redis"; then
    diff -a "$scratch/redis" "$scratch/ours" | cat -v | head -n 40 >&2 || true
    fail "$what: redis-server replies '<', ours '>'"
  fi
  compared=$((compared + $(wc -l <"$scratch/ours")))
}
flush_both() {
  "$redis_cli" -p "$ours_port" flushall >"$scratch/flushed"
  "$redis_cli" -p "$redis_port" flushall >>"$scratch/flushed"
}

for script in "$here"/scripts/*.txt "$here"/scripts/*.sorted; do
  for protocol in -2 -3; do
    flush_both
    commands "$script" | run_one "$protocol" -p "$ours_port" >"$scratch/ours"
    commands "$script" | run_one "$protocol" -p "$redis_port" >"$scratch/redis"
    if [[ $script == *.sorted ]]; then
      for side in ours redis; do sed -E 's/^( *[0-9]+\))+ //' "$scratch/$side" | sort -o "$scratch/$side"; done
    fi
    same "$(basename "$script") $protocol"
  done
done
for script in "$here"/scripts/*.two; do
  flush_both
  commands "$script" | run_two -p "$ours_port" >"$scratch/ours"
  commands "$script" | run_two -p "$redis_port" >"$scratch/redis"
  same "$(basename "$script")"
done
for script in "$here"/scripts/*.raw; do
  while IFS= read -r line; do
    flush_both
    printf "$line" | run_raw "$ours_port" >"$scratch/ours"
    printf "$line" | run_raw "$redis_port" >"$scratch/redis"
    same "$(basename "$script"): $line"
  done < <(commands "$script")
done

seed=${RESP_SEED:-$RANDOM}
echo "RESP_SEED=$seed"
awk -v seed="$seed" -f "$here/random_commands.awk" >"$scratch/random"
flush_both
run_one -p "$ours_port" <"$scratch/random" >"$scratch/ours"
run_one -p "$redis_port" <"$scratch/random" >"$scratch/redis"
same "random commands, seed $seed"
flush_both
(cat "$scratch/random" && echo quit) | run_raw "$ours_port" >"$scratch/ours"
(cat "$scratch/random" && echo quit) | run_raw "$redis_port" >"$scratch/redis"
same "random commands in one pipeline, seed $seed"

stop_ours
start_ours --durability memory --requirepass secret
start_redis --requirepass secret
for script in "$here"/scripts/password/*.raw; do
  while IFS= read -r line; do
    printf "$line" | run_raw "$ours_port" >"$scratch/ours"
    printf "$line" | run_raw "$redis_port" >"$scratch/redis"
    same "password/$(basename "$script"): $line"
  done < <(commands "$script")
done

stop_ours
echo "$compared lines of replies are the same"
