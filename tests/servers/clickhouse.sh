#!/bin/sh
# Runs the embedded ClickHouse engine (`streife engine`) for tests, on the loopback address, with a password of its own.
#
#   clickhouse.sh start PORT FOLDER    starts it, or starts it again on the same data; prints "ready 127.0.0.1:PORT"
#                                      FOLDER/password then holds the password of the user `streife`
#   clickhouse.sh stop FOLDER          stops it and waits for its end
#   clickhouse.sh kill FOLDER          kills it (SIGKILL), for crash tests
#
# STREIFE names the program (default: the debug build of this checkout).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
streife=${STREIFE:-${CARGO_TARGET_DIR:-$here/../../target}/debug/streife}
wait_secs=120
fail() { echo "clickhouse.sh: $*" >&2; exit 1; }

running() { [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
    port=$1 folder=$2
    [ -x "$streife" ] || fail "$streife is missing (cargo build --bin streife)"
    mkdir -p "$folder"
    running "$folder" && fail "already running in $folder"
    if [ ! -s "$folder/password" ]; then
        (umask 077; od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/password")
    fi
    STREIFE_ENGINE_PASSWORD=$(cat "$folder/password") \
        "$streife" engine --data "$folder/data" --listen "127.0.0.1:$port" >"$folder/server.log" 2>&1 &
    echo $! >"$folder/pid"
    waited=0
    until grep -q '^listening' "$folder/server.log"; do
        running "$folder" || { tail -n 20 "$folder/server.log" >&2; fail "the engine ended"; }
        [ "$waited" -ge "$wait_secs" ] && { stop "$folder"; fail "not ready after $wait_secs s: $folder/server.log"; }
        sleep 1
        waited=$((waited + 1))
    done
    echo "ready 127.0.0.1:$port"
}

end() {
    signal=$1 folder=$2
    running "$folder" || { rm -f "$folder/pid"; return 0; }
    kill "-$signal" "$(cat "$folder/pid")"
    while running "$folder"; do sleep 0.2; done
    rm -f "$folder/pid"
}

stop() { end TERM "$1"; }

case "${1:-}" in
    start) [ $# -eq 3 ] || fail "start PORT FOLDER"; start "$2" "$3" ;;
    stop) [ $# -eq 2 ] || fail "stop FOLDER"; stop "$2" ;;
    kill) [ $# -eq 2 ] || fail "kill FOLDER"; end KILL "$2" ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
