#!/usr/bin/env bash
# Clients that send garbage, half commands and too much, that come in crowds and go without a word: the server answers
# what it should, closes what it must, and goes on serving others.
#
#   abuse.sh SERVER REDIS-CLI
server=$1 redis_cli=$2
source "$(dirname "$0")/servers.sh"

serves() { [[ $("$redis_cli" -p "$ours_port" ping) == PONG ]] || fail "it does not serve any more, after: $1"; }
# Until only the asking client is left: the server learns that the others went when it comes to them.
all_gone() {
  local i
  for ((i = 0; i < 2000; ++i)); do
    if "$redis_cli" -p "$ours_port" info clients 2>&1 | grep -q "^connected_clients:1"; then return; fi
  done
  fail "clients that went still count"
}
trap '' PIPE

# Garbage, and half commands ------------------------------------------------------------------------------------------

start_ours --durability memory --threads 2
for ((i = 0; i < 30; ++i)); do
  connect
  head -c $((RANDOM * 4)) /dev/urandom >&"$socket" 2>"$scratch/refused" || true
  leave
done
serves garbage

command='*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n'
for ((i = 1; i < 33; ++i)); do
  connect
  printf "$command" | head -c "$i" >&"$socket"
  leave
done
serves "half commands"
connect
for ((i = 0; i < 33; ++i)); do printf "$command" | tail -c +$((i + 1)) | head -c 1 >&"$socket"; done
expect +OK
leave
for request in '*1073741824\r\n' '*1\r\n$1073741824\r\n' '*-9223372036854775808\r\n$5\r\n'; do
  connect
  send "$request"
  leave
done
serves "huge lengths"

# Crowds --------------------------------------------------------------------------------------------------------------

sockets=()
for ((batch = 0; batch < 50; ++batch)); do
  for ((i = 0; i < 200; ++i)); do
    connect
    if ((i % 3 == 1)); then printf '*2\r\n$3\r\nGE' >&"$socket"; fi
    if ((i % 3 == 2)); then printf 'set a 1\r\nget a\r\nget a\r\n' >&"$socket"; fi
    sockets+=("$socket")
  done
  for socket in "${sockets[@]}"; do leave; done
  sockets=()
done
serves "10000 connections"
all_gone

# With clients still there, one of them in a transaction, the end is in order.
connect
send 'multi\r\nset a 1\r\n'
expect +OK
expect +QUEUED
stop_ours
expect_end

# Limits ----------------------------------------------------------------------------------------------------------------

start_ours --durability memory --max-clients 20 --max-bulk 1024 --max-args 16 --max-query 4096 --max-queued 3
refuses() { # REQUEST REPLY: and closes
  connect
  send "$1"
  expect "$2"
  expect_end
}
refuses '*17\r\n' '-ERR Protocol error: invalid multibulk length'
refuses '*2\r\n$3\r\nGET\r\n$1025\r\n' '-ERR Protocol error: invalid bulk length'
refuses "$(printf 'x%.0s' {1..70000})" '-ERR Protocol error: the request is too long'
part=$(printf 'x%.0s' {1..1000})
refuses "*16\\r\\n$(for i in {1..5}; do printf '$1000\\r\\n%s\\r\\n' "$part"; done)" '-ERR Protocol error: the request is too long'
connect
send 'multi\r\nset a 1\r\nset b 1\r\nset c 1\r\nset d 1\r\nexec\r\nget a\r\n'
expect +OK
for i in 1 2 3; do expect +QUEUED; done
expect '-ERR too much is queued after MULTI'
expect '-EXECABORT Transaction discarded because of previous errors.'
expect '$-1'
send "append a $(printf 'y%.0s' {1..1000})\\r\\nappend a 0123456789012345678901234\\r\\n"
expect ':1000'
expect '-ERR string exceeds maximum allowed size (proto-max-bulk-len)'
leave
all_gone

for ((i = 0; i < 20; ++i)); do
  connect
  send 'ping\r\n'
  expect +PONG
  sockets+=("$socket")
done
connect
expect '-ERR max number of clients reached'
expect_end
for socket in "${sockets[@]}"; do leave; done
for ((i = 0; i < 2000; ++i)); do
  if [[ $("$redis_cli" -p "$ours_port" ping 2>&1) == PONG ]]; then break; fi
done
serves "too many clients"
stop_ours
echo "survived"
