#!/usr/bin/env bash
# A real distributed S3 engine for tests: Ceph RGW with one monitor and one OSD in memory, on loopback.
#
#   src/testing/engines/ceph-rgw.sh start|stop [DIRECTORY]     PORT=7480 by default
#
# `start` prints the endpoint and its keys as shell assignments. Needs Debian's packages ceph-mon, ceph-osd, radosgw,
# ceph-common and curl. Everything lives in DIRECTORY, which `stop` removes; `start` removes what a crash left there.
set -euo pipefail
command=${1:?start or stop}
directory=${2:-/tmp/javumbo-ceph-rgw}
port=${PORT:-7480}
access_key=javumbo
secret_key=javumbosecret

stop() {
  local pid_file
  for pid_file in "$directory"/run/*.pid; do
    [ -f "$pid_file" ] || continue
    kill "$(cat "$pid_file")" 2>/dev/null || true
  done
  for _ in $(seq 50); do
    pgrep -f "$directory/ceph.conf" >/dev/null || break
    sleep 0.1
  done
  # One that was interrupted at its work may wait for another that is gone; there is nothing that it could lose.
  pgrep -f "$directory/ceph.conf" | xargs -r kill -KILL 2>/dev/null || true
  rm -rf "$directory"
}

if [ "$command" = stop ]; then
  stop
  exit 0
fi

stop
mkdir -p "$directory"/{mon,osd,run,rgw,log}
configuration=$directory/ceph.conf
cluster=$(cat /proc/sys/kernel/random/uuid)
monitor_port=$((port + 20000))
cat >"$configuration" <<CONF
[global]
fsid = $cluster
mon host = v2:127.0.0.1:$monitor_port
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail crit = 1
run dir = $directory/run
log file = $directory/log/\$name.log
admin socket = $directory/run/\$name.asok
pid file = $directory/run/\$name.pid
keyring = $directory/keyring
osd objectstore = memstore
memstore device bytes = 4294967296
osd memory target = 1000000000
mon data = $directory/mon
osd data = $directory/osd
rgw data = $directory/rgw
# Without tcp_nodelay every reply on a reused connection waits 40 ms for the client's delayed acknowledgement.
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw thread pool size = 64
rgw enable usage log = false
rgw enable gc threads = false
rgw enable lc threads = false
CONF
export CEPH_CONF=$configuration
keyring=$directory/keyring
{
  ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
  ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' --cap mgr 'allow profile osd'
  monmaptool --create --fsid "$cluster" --addv a "[v2:127.0.0.1:$monitor_port]" "$directory/monmap"
  rm -rf "$directory/mon"
  ceph-mon -c "$configuration" --mkfs -i a --monmap "$directory/monmap" --keyring "$keyring"
  ceph-mon -c "$configuration" -i a
  osd=$(cat /proc/sys/kernel/random/uuid)
  timeout 60 ceph -c "$configuration" osd new "$osd" 0
  ceph-osd -c "$configuration" -i 0 --mkfs --osd-uuid "$osd"
  ceph-osd -c "$configuration" -i 0
  timeout 120 radosgw-admin -c "$configuration" user create --uid=javumbo --display-name=javumbo \
    --access-key="$access_key" --secret="$secret_key"
  radosgw -c "$configuration" -n client.admin
} >"$directory/log/start.log" 2>&1 || { cat "$directory/log/start.log" >&2; exit 1; }
for _ in $(seq 120); do
  if curl -fs -o /dev/null "http://127.0.0.1:$port"; then
    echo "AWS_ENDPOINT_URL_S3=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=$access_key AWS_SECRET_ACCESS_KEY=$secret_key"
    exit 0
  fi
  sleep 0.5
done
echo "ceph-rgw: no answer on port $port within a minute; see $directory/log" >&2
exit 1
