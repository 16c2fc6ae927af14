#!/usr/bin/env bash
# What operators and their tools ask for: who is connected and how to end that, INFO's sections and the fields that
# clients read, SHUTDOWN; and that a memory limit refuses what would take more.
#
#   clients.sh SERVER REDIS-CLI
server=$1 redis_cli=$2
source "$(dirname "$0")/servers.sh"
trap '' PIPE

cli() { "$redis_cli" -p "$ours_port" "$@"; }
# has TEXT PATTERN: what the pattern, a regular expression, is to be found in
has() { [[ $1 =~ $2 ]] || fail "no match for $2 in: $1"; }
list() { cli client list; }

start_ours --durability memory --threads 3

# LIST and INFO --------------------------------------------------------------------------------------------------------

connect
first=$socket
send 'client id\r\n'
IFS= read -r line <&"$socket"
id=${line#:} id=${id%$'\r'}
send 'hello 3 setname watcher\r\n'
while IFS= read -r line <&"$socket"; do if [[ $line == '*0'* ]]; then break; fi; done
send 'select 7\r\nmulti\r\nset a 1\r\n'
expect +OK
expect +OK
expect +QUEUED
for ((i = 0; i < 1000; ++i)); do  # what it is doing is told after its answer
  line=$(list | grep "^id=$id ") || fail "the client $id is not listed"
  if [[ $line == *' multi=1 '* ]]; then break; fi
done
has "$line" "^id=$id addr=127\.0\.0\.1:[0-9]+ laddr=127\.0\.0\.1:$ours_port fd=[0-9]+ name=watcher age=[0-9]+ idle=[0-9]+ flags=x db=7 .* multi=1 .* cmd=[a-z|]+ user=default redir=-1 resp=3$"
address=$(sed -E 's/.* addr=([^ ]+) .*/\1/' <<<"$line")
has "$(list)" ' cmd=client\|list user=default'
has "$(cli client info)" '^id=[0-9]+ .* cmd=client\|info '
[[ $(cli client list id "$id" 999999 | wc -l) == 1 ]] || fail "list id"
[[ $(cli client list type normal | wc -l) == 2 ]] || fail "list type normal"

# KILL: one that waits, by address; one in a pipeline, itself; all others.
[[ $(cli client kill "$address") == OK ]] || fail "kill $address"
expect_end
connect
send 'client id\r\n'
IFS= read -r line <&"$socket"
id=${line#:} id=${id%$'\r'}
[[ $(cli client kill id "$id" addr 1.2.3.4:5) == 0 ]] || fail "kill without a match"
[[ $(cli client kill id "$id") == 1 ]] || fail "kill id"
expect_end
connect
send 'client id\r\n'
IFS= read -r line <&"$socket"
id=${line#:} id=${id%$'\r'}
send "client kill id $id\\r\\nclient kill id $id skipme no\\r\\nping\\r\\n"
expect :0
expect :1
expect_end
sockets=()
for ((i = 0; i < 20; ++i)); do
  connect
  send 'ping\r\n'
  expect +PONG
  sockets+=("$socket")
done
killed=$(cli client kill type normal)
((killed >= 20)) || fail "$killed of 20 were killed"
for socket in "${sockets[@]}"; do expect_end; done
[[ $(cli ping) == PONG ]] || fail "it does not serve any more"

# INFO -----------------------------------------------------------------------------------------------------------------

cli config resetstat >"$scratch/reset"
cli -n 0 set a 1 ex 1000 >"$scratch/set"
cli -n 0 set b 1 >"$scratch/set"
cli -n 5 set c 1 px 100000 >"$scratch/set"
for command in "get a" "get a" "get none" "incr a" "getset a" "nothing" "set a 1 what"; do cli $command >"$scratch/reply" 2>&1; done
all=$(cli info all | tr -d '\r')
for field in '# Server' 'redis_version:7\.' 'redis_mode:standalone' 'tcp_port:'"$ours_port" 'process_id:'"$ours_pid" \
  'run_id:[0-9a-f]{40}' 'uptime_in_seconds:[0-9]+' '# Clients' 'connected_clients:1' 'maxclients:[0-9]+' \
  'blocked_clients:0' '# Memory' 'used_memory:[0-9]+' 'used_memory_human:[0-9.]+[BKMG]' 'used_memory_rss:[0-9]+' \
  'used_memory_peak:[0-9]+' 'maxmemory:0' 'maxmemory_policy:noeviction' '# Persistence' 'loading:0' 'aof_enabled:0' \
  'rdb_last_save_time:[0-9]+' '# Stats' 'total_connections_received:[0-9]+' 'total_commands_processed:[0-9]+' \
  'instantaneous_ops_per_sec:[0-9]+' 'keyspace_hits:2' 'keyspace_misses:1' 'expired_keys:0' 'evicted_keys:0' \
  'total_error_replies:3' '# Replication' 'role:master' 'connected_slaves:0' 'master_repl_offset:0' '# CPU' \
  'used_cpu_sys:[0-9.]+' 'used_cpu_user:[0-9.]+' '# Commandstats' \
  'cmdstat_get:calls=3,usec=[0-9]+,usec_per_call=[0-9.]+,rejected_calls=0,failed_calls=0' \
  'cmdstat_set:calls=4,usec=[0-9]+,usec_per_call=[0-9.]+,rejected_calls=0,failed_calls=1' \
  'cmdstat_getset:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0' \
  'cmdstat_config\|resetstat:calls=1,' '# Errorstats' 'errorstat_ERR:count=3' '# Cluster' 'cluster_enabled:0' \
  '# Keyspace' 'db0:keys=2,expires=1,avg_ttl=[0-9]+' 'db5:keys=1,expires=1,avg_ttl=[0-9]+'; do
  grep -Eq "^$field" <<<"$all" || fail "INFO lacks $field: $all"
done
[[ $(cli info cpu Memory | tr -d '\r' | grep '^#' | tr '\n' ' ') == "# Memory # CPU " ]] || fail "two sections"
[[ $(cli info nothing) == "" ]] || fail "no section"
[[ $(cli info | grep -c '^# Commandstats') == 0 ]] || fail "commandstats are asked for by name"
[[ $(cli info default nothing | tr -d '\r' | head -n 1) == "# Server" ]] || fail "the usual sections"

# HELP of each command with subcommands names them all.
for container in client command config function memory object; do
  help=$(cli "$container" help)
  has "$help" "${container^^} <subcommand>"
  for subcommand in $(cli command list filterby pattern "$container|*" | cut -d '|' -f 2); do
    has "$help" "$(printf '(^|\n)%s' "${subcommand^^}")"
  done
done
[[ $(cli debug protocol true 2>&1) == *"not allowed"* ]] || fail "DEBUG is allowed"

# What COMMAND says of keys is right: GETKEYS finds them, and arities hold.
[[ $(cli command getkeys mset a 1 b 2 | tr '\n' ' ') == "a b " ]] || fail "getkeys"
(($(cli command count) == $(cli command list | wc -l))) || fail "COMMAND COUNT and LIST"

# Memory ---------------------------------------------------------------------------------------------------------------

cli config set maxmemory 1 >"$scratch/set"
[[ $(cli set d 1 2>&1) == OOM* ]] || fail "a write above maxmemory"
[[ $(cli get b) == 1 ]] || fail "a read above maxmemory"
[[ $(cli del b) == 1 ]] || fail "a removal above maxmemory"
[[ $(cli get d) == "" ]] || fail "a refused write was done"
connect
send 'multi\r\nget a\r\nexec\r\nmulti\r\ndiscard\r\nmset a 1 b 2\r\nset a 1\r\nget a\r\n'
expect +OK
expect "-OOM command not allowed when used memory > 'maxmemory'."
expect '-EXECABORT Transaction discarded because of previous errors.'
expect +OK
expect +OK
expect "-OOM command not allowed when used memory > 'maxmemory'."
expect "-OOM command not allowed when used memory > 'maxmemory'."
expect '$1'
expect '2'
exec {socket}>&-
cli config set maxmemory 0 >"$scratch/set"
[[ $(cli set d 1) == OK ]] || fail "a write without a limit"

# The end ----------------------------------------------------------------------------------------------------------------

cli shutdown >"$scratch/bye" 2>&1 || true
wait "$ours_pid" || fail "SHUTDOWN ended it with $?"

start_ours --durability relaxed --dir "$scratch/database"
cli set a 1 >"$scratch/set"
[[ $(cli save) == OK ]] || fail save
(($(cli info persistence | tr -d '\r' | sed -n 's/^checkpoints://p') == 1)) || fail "SAVE wrote no checkpoint"
[[ $(cli bgsave) == "Background saving started" ]] || fail bgsave
cli shutdown nosave >"$scratch/bye" 2>&1 || true
wait "$ours_pid" || fail "SHUTDOWN ended it with $?"
start_ours --durability relaxed --dir "$scratch/database"
[[ $(cli get a) == 1 ]] || fail "lost by SHUTDOWN"
stop_ours

# A password from a file.
echo "file secret" >"$scratch/password"
start_ours --durability memory --requirepass-file "$scratch/password"
[[ $(cli ping 2>&1) == NOAUTH* ]] || fail "no password was asked for"
[[ $(cli --no-auth-warning -a "file secret" ping) == PONG ]] || fail "the password of the file"
stop_ours
echo "all as asked"
