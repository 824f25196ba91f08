#!/bin/sh
# Runs one Jetstream (a Go module) behind a PDS for tests, on the loopback address.
#
#   jetstream.sh start PORT FOLDER PDS_PORT PLC_ADDRESS DID   prints "ready 127.0.0.1:PORT"; DID is an account of the PDS;
#                                    a folder that has been used before goes on where it was
#   jetstream.sh dictionary          prints where the dictionary of version 1 lies
#   jetstream.sh stop FOLDER         waits for its end
#   jetstream.sh fetch               only builds it (some minutes of one core)
#
# Built once into STREIFE_JETSTREAM, by default ~/.cache/streife/test-servers/jetstream. Its hashes are those of
# jetstream/go.sum.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=${STREIFE_JETSTREAM:-$HOME/.cache/streife/test-servers/jetstream}
fail() { echo "jetstream.sh: $*" >&2; exit 1; }

fetch() {
    [ -x "$home/jetstream" ] && [ -f "$home/legacy.zdict" ] && return 0
    command -v go >/dev/null || fail "go is missing (1.26.5 or later)"
    mkdir -p "$home"
    export GOFLAGS="-mod=mod -buildvcs=false"
    (cd "$here/jetstream" && go build -ldflags "-s -w" -o "$home/jetstream" github.com/bluesky-social/jetstream/cmd/jetstream) || fail "go could not build it"
    source=$(cd "$here/jetstream" && go list -m -f '{{.Dir}}' github.com/bluesky-social/jetstream)
    cp "$source/internal/subscribe/dictionaries/legacy_subscribe.zdict" "$home/legacy.zdict"
    chmod u+w "$home/legacy.zdict"
}

start() { # port, folder, port of the PDS, address of the PLC directory, DID
    fetch
    mkdir -p "$2"
    folder=$(cd "$2" && pwd)
    # One repository is named because a PDS, unlike a relay, has no list of hosts; the rest comes by the firehose.
    "$home/jetstream" --log-format text serve --addr "127.0.0.1:$1" --relay-url "http://localhost:$3" --plc-url "$4" \
        --data-dir "$folder/data" --backfill-repos "$5" >>"$folder/log" 2>&1 &
    echo $! >"$folder/pid"
    for _ in $(seq 120); do
        curl -fsS -o /dev/null "http://127.0.0.1:$1/xrpc/network.bsky.jetstream.getZstdDictionary" 2>/dev/null && { echo "ready 127.0.0.1:$1"; return 0; }
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
        sleep 0.5
    done
    fail "did not start: $(tail -5 "$folder/log")"
}

stop() { # folder
    [ -f "$1/pid" ] || return 0
    pid=$(cat "$1/pid")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 60); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.5
    done
    kill -9 "$pid" 2>/dev/null || true
}

case ${1:-} in
start) start "$2" "$3" "$4" "$5" "$6" ;;
dictionary) fetch && echo "$home/legacy.zdict" ;;
stop) stop "$2" ;;
fetch) fetch ;;
*) fail "usage: jetstream.sh start PORT FOLDER PDS_PORT PLC_ADDRESS DID | dictionary | stop FOLDER | fetch" ;;
esac
