#!/bin/sh
# Runs one SOCKS5 proxy (microsocks, Debian) for tests, on the loopback address.
#
#   microsocks.sh start PORT FOLDER    prints "ready 127.0.0.1:PORT"
#   microsocks.sh stop FOLDER
set -eu
fail() { echo "microsocks.sh: $*" >&2; exit 1; }

case ${1:-} in
start)
    command -v microsocks >/dev/null || apt-get install -y -qq --no-install-recommends microsocks >/dev/null 2>&1 || fail "microsocks is missing (Debian: apt-get install microsocks)"
    mkdir -p "$3"
    microsocks -i 127.0.0.1 -p "$2" >"$3/log" 2>&1 &
    echo $! >"$3/pid"
    sleep 0.3
    kill -0 "$(cat "$3/pid")" 2>/dev/null || { cat "$3/log" >&2; fail "did not start"; }
    echo "ready 127.0.0.1:$2"
    ;;
stop) [ ! -f "$2/pid" ] || kill "$(cat "$2/pid")" 2>/dev/null || true ;;
*) fail "usage: microsocks.sh start PORT FOLDER | stop FOLDER" ;;
esac
