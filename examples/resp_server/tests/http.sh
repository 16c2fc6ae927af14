#!/usr/bin/env bash
# A web page that posts to the port: the connection ends, and nothing of the body is run.
#
#   http.sh SERVER REDIS-CLI
server=$1 redis_cli=$2
source "$(dirname "$0")/servers.sh"

trap '' PIPE
start_ours --durability memory

body='set posted 1\r\nincr posted\r\n'
requests=(
  "POST / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: text/plain\\r\\n\\r\\n$body"
  "post / HTTP/1.1\\r\\n\\r\\n$body"
  "PUT / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n$body"
  "GET /x HTTP/1.1\\r\\nAccept: x\\r\\nhost: localhost\\r\\n\\r\\n$body"
  "OPTIONS / HTTP/1.1\\nHost: localhost\\n\\n$body"
  "multi\\r\\nset posted 1\\r\\nPOST x\\r\\nexec\\r\\n"
  "*1\\r\\n\$4\\r\\nPost\\r\\n$body"
)
for request in "${requests[@]}"; do
  connect
  send "$request"
  # A reset is an end as well: the server need not have read all that was sent.
  timeout 60 cat <&"$socket" >"$scratch/replies" 2>"$scratch/refused" || [[ $? != 124 ]] || fail "it did not close: $request"
  leave
  # Redis's own replies to what comes before, and no more: it drops what it has not sent yet.
  if grep -qa -e '^+OK' -e '^:' "$scratch/replies" && [[ $request != multi* ]]; then
    fail "the body was run: $request: $(cat "$scratch/replies")"
  fi
  [[ $("$redis_cli" -p "$ours_port" exists posted) == 0 ]] || fail "the body was run: $request"
done

# The words are no secret inside arguments, or behind a command.
[[ $("$redis_cli" -p "$ours_port" set host: POST) == OK ]] || fail "a key named host:"
[[ $("$redis_cli" -p "$ours_port" get host:) == POST ]] || fail "a value POST"
[[ $("$redis_cli" -p "$ours_port" echo Host:) == Host: ]] || fail "echo"
stop_ours
echo "nothing was run"
