#!/bin/sh
# Runs one GoToSocial server (a Go module, SQLite), which speaks Mastodon's interface, for tests, on the loopback address.
#
#   gotosocial.sh start PORT FOLDER    prints "ready 127.0.0.1:PORT"
#   gotosocial.sh user FOLDER NAME     makes an account (password "test-Password-1"); while the server is stopped
#   gotosocial.sh stop FOLDER
#   gotosocial.sh fetch                only builds it (some minutes of one core)
#
# Built once into STREIFE_GOTOSOCIAL, by default ~/.cache/streife/test-servers/gotosocial. Its hashes are those of
# gotosocial/go.sum.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=${STREIFE_GOTOSOCIAL:-$HOME/.cache/streife/test-servers/gotosocial}
fail() { echo "gotosocial.sh: $*" >&2; exit 1; }

fetch() {
    [ -x "$home/gotosocial" ] && [ -d "$home/web/template" ] && return 0
    command -v go >/dev/null || fail "go is missing (1.23 or later)"
    mkdir -p "$home/web"
    export GOFLAGS="-mod=mod -buildvcs=false" GONOSUMDB='*'
    (cd "$here/gotosocial" && go build -tags "netgo osusergo kvformat timetzdata" -ldflags "-s -w" -o "$home/gotosocial" github.com/superseriousbusiness/gotosocial/cmd/gotosocial) || fail "go could not build it"
    source=$(cd "$here/gotosocial" && go list -m -f '{{.Dir}}' github.com/superseriousbusiness/gotosocial)
    cp -r "$source/web/template" "$source/web/assets" "$home/web/"
    chmod -R u+w "$home/web"
}

gts() {
    folder=$1
    shift
    port=$(cat "$folder/port")
    export GTS_HOST="localhost:$port" GTS_PROTOCOL=http GTS_BIND_ADDRESS=127.0.0.1 GTS_PORT="$port" GTS_LOG_LEVEL=warn
    export GTS_DB_TYPE=sqlite GTS_DB_ADDRESS="$folder/sqlite.db" GTS_STORAGE_LOCAL_BASE_PATH="$folder/storage"
    export GTS_WEB_TEMPLATE_BASE_DIR="$home/web/template/" GTS_WEB_ASSET_BASE_DIR="$home/web/assets/"
    export GTS_LETSENCRYPT_ENABLED=false GTS_ADVANCED_RATE_LIMIT_REQUESTS=0
    # `run=exec` makes the server the process that was started.
    ${run:-} "$home/gotosocial" "$@"
}

start() {
    fetch
    mkdir -p "$2/storage"
    folder=$(cd "$2" && pwd)
    echo "$1" >"$folder/port"
    (run=exec; gts "$folder" server start) >"$folder/log" 2>&1 &
    echo $! >"$folder/pid"
    # Its first start compiles much; on a busy machine that takes minutes.
    for _ in $(seq 600); do
        curl -fsS "http://127.0.0.1:$1/livez" >/dev/null 2>&1 && { echo "ready 127.0.0.1:$1"; return 0; }
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
        sleep 0.5
    done
    tail -5 "$folder/log" >&2
    fail "did not start"
}

case ${1:-} in
start) start "$2" "$3" ;;
user) gts "$2" admin account create --username "$3" --email "$3@example.org" --password "test-Password-1" >>"$2/log" 2>&1 && gts "$2" admin account confirm --username "$3" >>"$2/log" 2>&1 ;;
stop) [ ! -f "$2/pid" ] || kill "$(cat "$2/pid")" 2>/dev/null || true ;;
fetch) fetch ;;
*) fail "usage: gotosocial.sh start PORT FOLDER | user FOLDER NAME | stop FOLDER | fetch" ;;
esac
