#!/usr/bin/env bash
# Redis 7.0.15: whether a write that changes nothing makes EXEC fail for a client that watches the key depends on the
# command. SET to the value that is there, INCRBY 0, APPEND of nothing, HSET of the value that is there, LTRIM of nothing
# and EXPIREAT to the time that is set do; SETBIT of the bit that is there, SETRANGE of nothing, ZADD of the score that is
# there, SADD of a member and RENAME of a key to itself do not. A write of the watching client itself counts like another
# one's.
#
# A good guess: either every write of the key counts, or only one that changes it; HSET and ZADD alike.
#
# Needs the packages of Debian 12 for amd64, and the usual libraries (OpenSSL, systemd).
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"

packages=(redis-server=5:7.0.15-1~deb12u10 redis-tools=5:7.0.15-1~deb12u10 libatomic1=12.2.0-14+deb12u1 liblzf1=3.6-3
  libjemalloc2=5.3.0-1)
apt-get -o APT::Sandbox::User=root -qq download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib

root/usr/bin/redis-server --port 0 --unixsocket "$folder/socket" --dir "$folder" --save '' >log &
redis() { root/usr/bin/redis-cli -s "$folder/socket" "$@"; }
for _ in $(seq 100); do
  if [[ $(redis ping 2>/dev/null) == PONG ]]; then break; fi
  sleep 0.1
done

# A client that stays, and watches.
coproc watcher { stdbuf -oL root/usr/bin/redis-cli -s "$folder/socket"; }
ask() {
  echo "$1" >&"${watcher[1]}"
  read -r answer <&"${watcher[0]}"
}

# try PREPARATION COMMAND: what EXEC says when another client runs the command on the watched key.
try() {
  redis del key >/dev/null
  if [[ -n $1 ]]; then xargs -n 20 root/usr/bin/redis-cli -s "$folder/socket" <<<"$1" >/dev/null; fi
  ask "watch key"
  xargs -n 20 root/usr/bin/redis-cli -s "$folder/socket" <<<"$2" >/dev/null
  verdict "$2"
}
verdict() {
  ask "multi"
  ask "ping"
  ask "exec"
  if [[ $answer == PONG ]]; then echo "$1: runs"; else echo "$1: does not run"; fi
}

all() {
  root/usr/bin/redis-server --version | grep -o 'v=[0-9.]*'
  try "set key 1" "get key"
  try "set key 1" "set key 1"
  try "set key 1" "incrby key 0"
  try "set key 1" "append key ''"
  try "hset key field 1" "hset key field 1"
  try "rpush key 1" "ltrim key 0 -1"
  try "set key 1 exat 4000000000" "expireat key 4000000000"
  try "set key 1" "setbit key 0 0"
  try "set key 1" "setrange key 0 ''"
  try "zadd key 1 member" "zadd key 1 member"
  try "sadd key member" "sadd key member"
  try "set key 1" "rename key key"
  redis set key 1 >/dev/null
  ask "watch key"
  ask "set key 2"
  verdict "own set"
}

cat >expected <<'EXPECTED'
v=7.0.15
get key: runs
set key 1: does not run
incrby key 0: does not run
append key '': does not run
hset key field 1: does not run
ltrim key 0 -1: does not run
expireat key 4000000000: does not run
setbit key 0 0: runs
setrange key 0 '': runs
zadd key 1 member: runs
sadd key member: runs
rename key key: runs
own set: does not run
EXPECTED
all >seen
cat seen
diff expected seen && echo "as described"
