#!/usr/bin/env bash
# etcd 3.4.23, JSON gateway: when the space alarm is on, asking to deactivate it without naming a member is answered with
# 200 and an empty object, and deactivates nothing: not even with a single member, and with space enough again. It has to
# be told the memberID that the list of alarms gives. Transactions that only remove are accepted all the while, so they
# do not tell.
#
# A good guess: leaving the member out means all of them, as it does where alarms are listed; what cannot be done is not
# answered with 200.
#
# Needs curl, and the packages of Debian 12 for amd64. The server is on loopback, on a port of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"

apt-get -o APT::Sandbox::User=root -qq download etcd-server=3.4.23-4+b4
dpkg-deb -x etcd-server_*.deb root

port=$((20000 + RANDOM % 10000))
url=http://127.0.0.1:$port
root/usr/bin/etcd --data-dir data --quota-backend-bytes 200000 --listen-client-urls "$url" \
  --advertise-client-urls "$url" --listen-peer-urls "http://127.0.0.1:$((port + 10000))" >log 2>&1 &
for _ in $(seq 100); do
  if curl -sf -o /dev/null -d '{}' "$url/v3/maintenance/status"; then break; fi
  sleep 0.1
done

post() { curl -s -d "$2" "$url/v3/$1"; }
# say WHAT PATH REQUEST: the status.
say() { echo "$1: $(curl -s -o /dev/null -w '%{http_code}' -d "$3" "$url/v3/$2")"; }
number_of() { sed -nE "s/.*\"$1\":\"([0-9]+)\".*/\1/p"; }

key() { printf 'key%s' "$1" | base64; }
value=$(head -c 20000 /dev/zero | base64 -w 0)
small="{\"key\":\"$(key small)\",\"value\":\"\"}"

all() {
  root/usr/bin/etcd --version | grep 'etcd Version'
  for i in $(seq 20); do post kv/put "{\"key\":\"$(key "$i")\",\"value\":\"$value\"}" >put; done
  echo "20 values put: $(grep -o '"error":"[^"]*"' put)"
  say "a small one" kv/put "$small"
  say "a transaction that removes" kv/txn "{\"success\":[{\"request_delete_range\":{\"key\":\"$(key 1)\"}}]}"
  say "all removed" kv/deleterange '{"key":"AA==","range_end":"AA=="}'
  revision=$(post kv/range '{"key":"AA=="}' | number_of revision)
  say "compacted" kv/compaction "{\"revision\":\"$revision\",\"physical\":true}"
  say "defragmented" maintenance/defragment '{}'
  say "a small one" kv/put "$small"
  echo "deactivated: $(post maintenance/alarm '{"action":"DEACTIVATE","alarm":"NOSPACE"}')"
  say "a small one" kv/put "$small"
  member=$(post maintenance/alarm '{"action":"GET"}' | number_of memberID)
  say "deactivated with memberID" maintenance/alarm \
    "{\"action\":\"DEACTIVATE\",\"alarm\":\"NOSPACE\",\"memberID\":\"$member\"}"
  say "a small one" kv/put "$small"
}

cat >expected <<'EXPECTED'
etcd Version: 3.4.23
20 values put: "error":"etcdserver: mvcc: database space exceeded"
a small one: 429
a transaction that removes: 200
all removed: 200
compacted: 200
defragmented: 200
a small one: 429
deactivated: {}
a small one: 429
deactivated with memberID: 200
a small one: 200
EXPECTED
all | tee seen
diff expected seen && echo "as described"
