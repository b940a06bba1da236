#!/usr/bin/env bash
# The versions of Node that Lambda runs the function with, from the npm package `node`.
#
#   src/testing/engines/node.sh [DIRECTORY]
#
# Fetches what is not in DIRECTORY yet, and prints where each is as a shell assignment. Needs npm.
set -euo pipefail
directory=${1:-/tmp/javumbo-nodes}
mkdir -p "$directory"
found=()
for version in 22 24; do
  node=$directory/$version/node_modules/node/bin/node
  if ! "$node" --version >/dev/null 2>&1; then
    download=$(mktemp -d "$directory/download.XXXXXX")
    trap 'rm -rf "$download"' EXIT
    npm install --prefix "$download" --no-save --no-audit --no-fund --loglevel=error "node@$version" >&2
    "$download/node_modules/node/bin/node" --version >/dev/null
    # Two that fetch at once both install, and one of them is renamed into place.
    mv -T "$download" "$directory/$version" 2>/dev/null || "$node" --version >/dev/null
  fi
  found+=("NODE_$version=$node")
done
echo "${found[@]}"
