#!/usr/bin/env bash
# etcd 3.4.23, JSON gateway: keeping a lease alive that does not exist, or has expired, is answered like one that does:
# 200, and a result with its ID. Only the TTL is missing from it. Revoking the same lease, and attaching a key to it, is
# 404 with code 5.
#
# A good guess: a holder that is told 200 still has its lease. It has it only if the result has a TTL.
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
root/usr/bin/etcd --data-dir data --listen-client-urls "$url" --advertise-client-urls "$url" \
  --listen-peer-urls "http://127.0.0.1:$((port + 10000))" >log 2>&1 &
for _ in $(seq 100); do
  if curl -sf -o /dev/null -d '{}' "$url/v3/maintenance/status"; then break; fi
  sleep 0.1
done

# ask PATH REQUEST: the status and the reply, without its header.
ask() {
  curl -s -w ' %{http_code}' -d "$2" "$url/v3/$1" | tr -d '\n' | sed -E 's/"header":\{[^}]*\},?//' |
    sed -E "s|(.*) ([0-9]{3})\$|$1 \2 \1\n|"
}

all() {
  root/usr/bin/etcd --version | grep 'etcd Version'
  ask lease/grant '{"ID":"7","TTL":"100"}'
  ask lease/keepalive '{"ID":"7"}'
  ask lease/keepalive '{"ID":"8"}'
  ask lease/revoke '{"ID":"8"}'
  ask kv/put '{"key":"YQ==","lease":"8"}'
}

cat >expected <<'EXPECTED'
etcd Version: 3.4.23
lease/grant 200 {"ID":"7","TTL":"100"}
lease/keepalive 200 {"result":{"ID":"7","TTL":"100"}}
lease/keepalive 200 {"result":{"ID":"8"}}
lease/revoke 404 {"error":"etcdserver: requested lease not found","message":"etcdserver: requested lease not found","code":5}
kv/put 404 {"error":"etcdserver: requested lease not found","message":"etcdserver: requested lease not found","code":5}
EXPECTED
all | tee seen
diff expected seen && echo "as described"
