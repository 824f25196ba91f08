#!/bin/sh
# Runs one Prometheus for tests and for `streife site up`, on the loopback address, with the site's own configuration.
#
#   prometheus.sh start PORT FOLDER    starts it; FOLDER/targets/*.yml name what it scrapes; prints "ready 127.0.0.1:PORT"
#   prometheus.sh stop FOLDER          stops it and waits for its end
#
# Needs Debian's prometheus package (2.42 or later). Configuration and rules come from deploy/prometheus.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
site=$here/../../deploy/prometheus
wait_secs=60
fail() { echo "prometheus.sh: $*" >&2; exit 1; }

running() { [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
    port=$1 folder=$2
    command -v prometheus >/dev/null || fail "prometheus is missing (Debian: apt-get install --no-install-recommends prometheus)"
    mkdir -p "$folder/rules" "$folder/targets"
    folder=$(cd "$folder" && pwd)
    running "$folder" && fail "already running in $folder"
    cp "$site/prometheus.yml" "$folder/prometheus.yml"
    cp "$site"/rules/*.yml "$folder/rules/"
    prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" --storage.tsdb.retention.time=15d \
        --web.listen-address="127.0.0.1:$port" --log.level=warn >"$folder/server.log" 2>&1 &
    echo $! >"$folder/pid"
    waited=0
    until curl -fsS "http://127.0.0.1:$port/-/ready" >/dev/null 2>&1; do
        running "$folder" || { tail -n 20 "$folder/server.log" >&2; fail "the server ended"; }
        [ "$waited" -ge "$wait_secs" ] && { stop "$folder"; fail "not ready after $wait_secs s: $folder/server.log"; }
        sleep 1
        waited=$((waited + 1))
    done
    echo "ready 127.0.0.1:$port"
}

stop() {
    folder=$1
    running "$folder" || { rm -f "$folder/pid"; return 0; }
    kill "$(cat "$folder/pid")"
    while running "$folder"; do sleep 0.2; done
    rm -f "$folder/pid"
}

case "${1:-}" in
    start) [ $# -eq 3 ] || fail "start PORT FOLDER"; start "$2" "$3" ;;
    stop) [ $# -eq 2 ] || fail "stop FOLDER"; stop "$2" ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
