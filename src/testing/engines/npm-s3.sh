#!/usr/bin/env bash
# S3 engines from the npm registry for tests, on loopback: s3rver, and fauxqs, which runs on Node 22 (node.sh).
#
#   src/testing/engines/npm-s3.sh start|stop|fetch s3rver|fauxqs [DIRECTORY]     PORT=4568 by default
#
# `start` prints the endpoint and its keys as shell assignments. Needs npm and curl. What is fetched stays in DIRECTORY;
# what is stored is gone with `stop`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command=${1:?start, stop or fetch}
engine=${2:?s3rver or fauxqs}
directory=${3:-/tmp/javumbo-$engine}
port=${PORT:-4568}
pid_file=$directory/$port.pid
data=$directory/$port.data
case $engine in
s3rver) version=3.7.1 ;;
fauxqs) version=2.4.1 ;;
*) echo "npm-s3: no such engine: $engine" >&2 && exit 2 ;;
esac
installed=$directory/$version

stop() {
  if [ -f "$pid_file" ]; then
    kill "$(cat "$pid_file")" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "$(cat "$pid_file")" 2>/dev/null || break
      sleep 0.1
    done
  fi
  rm -rf "$pid_file" "$data"
}

if [ "$command" != fetch ]; then stop; fi
if [ "$command" = stop ]; then exit 0; fi

mkdir -p "$directory"
if [ ! -d "$installed" ]; then
  download=$(mktemp -d "$directory/download.XXXXXX")
  trap 'rm -rf "$download"' EXIT
  npm install --prefix "$download" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
    "$engine@$version" >&2
  # Two that fetch at once both install, and one of them is renamed into place.
  mv -T "$download" "$installed" 2>/dev/null || [ -d "$installed" ]
fi
if [ "$command" = fetch ]; then exit 0; fi

mkdir -p "$data"
if [ "$engine" = s3rver ]; then
  run=(node "$installed/node_modules/s3rver/bin/s3rver.js" --directory "$data" --address 127.0.0.1 --port "$port" --silent)
else
  eval "$("$here/node.sh")"
  # Its own command listens on every address of the machine.
  run=("${NODE_22:?}" --input-type=module --eval "
    import { buildApp } from '$installed/node_modules/fauxqs/dist/app.js';
    await buildApp({ logger: false }).listen({ port: $port, host: '127.0.0.1' });")
fi
setsid "${run[@]}" >"$directory/$port.log" 2>&1 </dev/null &
echo $! >"$pid_file"
for _ in $(seq 240); do
  # Whatever it answers: that it answers is what counts.
  if curl -s -o /dev/null "http://127.0.0.1:$port"; then
    # The only keys that s3rver knows; fauxqs takes any.
    echo "AWS_ENDPOINT_URL_S3=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER"
    exit 0
  fi
  kill -0 "$(cat "$pid_file")" 2>/dev/null || break
  sleep 0.25
done
echo "$engine: no answer on port $port; see $directory/$port.log" >&2
cat "$directory/$port.log" >&2
exit 1
