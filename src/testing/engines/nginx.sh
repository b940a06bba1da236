#!/usr/bin/env bash
# A real reverse proxy for tests: nginx on loopback before several upstreams, with Debian's defaults for what it repeats.
#
#   src/testing/engines/nginx.sh start|stop DIRECTORY [UPSTREAM…]     PORT=9490 by default, UPSTREAM is HOST:PORT
#
# `start` prints the endpoint as a shell assignment. Needs Debian's packages nginx-light and curl, and no rights: everything
# lives in DIRECTORY, which `stop` removes; `start` removes what a crash left there.
set -euo pipefail
command=${1:?start or stop}
directory=${2:?a directory}
shift 2
port=${PORT:-9490}
# Not on everybody's path.
PATH=$PATH:/usr/sbin

stop() {
  local pid
  pid=$(cat "$directory/nginx.pid" 2>/dev/null || true)
  if [ -n "$pid" ] && grep -qz "$directory/nginx.conf" "/proc/$pid/cmdline" 2>/dev/null; then
    kill "$pid"
    for _ in $(seq 50); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
  fi
  rm -rf "$directory"
}

stop
if [ "$command" = stop ]; then exit 0; fi

mkdir -p "$directory"
# What root starts would otherwise hand the requests to a user who may not enter the directory.
user=''
if [ "$(id -u)" = 0 ]; then user='user root;'; fi
{
  cat <<CONF
$user
worker_processes 1;
pid $directory/nginx.pid;
error_log $directory/error.log;
events {}
http {
  access_log $directory/access.log;
  client_body_temp_path $directory/body;
  proxy_temp_path $directory/proxy;
  fastcgi_temp_path $directory/fastcgi;
  uwsgi_temp_path $directory/uwsgi;
  scgi_temp_path $directory/scgi;
  client_max_body_size 0;
  upstream store {
CONF
  # Left to itself, nginx asks one that failed again after ten seconds only, and would repeat one request in ten seconds.
  for upstream in "$@"; do echo "    server $upstream max_fails=0;"; done
  # No proxy_next_upstream: that a PUT goes to the next one after an error is nginx's own choice.
  cat <<CONF
    keepalive 16;
  }
  server {
    listen 127.0.0.1:$port;
    location / {
      proxy_pass http://store;
      proxy_http_version 1.1;
      proxy_set_header Host \$http_host;
      proxy_set_header Connection "";
    }
  }
}
CONF
} >"$directory/nginx.conf"
# It opens its built-in log before it has read where its log is to be, which -e tells it; and it goes into the background.
nginx -c "$directory/nginx.conf" -e "$directory/error.log" -p "$directory" </dev/null >"$directory/start.log" 2>&1 ||
  { cat "$directory/start.log" >&2; exit 1; }
for _ in $(seq 100); do
  # Whatever the store answers: that it answers is what counts.
  if curl -s -o /dev/null "http://127.0.0.1:$port"; then
    echo "NGINX_URL=http://127.0.0.1:$port"
    exit 0
  fi
  sleep 0.1
done
echo "nginx: no answer on port $port; see $directory" >&2
cat "$directory/error.log" >&2
exit 1
