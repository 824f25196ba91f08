#!/usr/bin/env bash
# Connectors against real servers on loopback, each installed and started by its script in tests/servers:
#   microsocks (onion names through SOCKS5), synapse (Matrix), gotosocial (Mastodon's interface), inn (news),
#   wordpress (feeds and pages), bluesky (a PDS and Jetstream behind it).
# Posts, edits, deletions, and restarts of the servers and of our side in between.
# `connectors.sh NAME...` runs some of them. A server that cannot be had on this machine is skipped and says so.
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
# INN is another user; below a folder that only its capability opens, it takes articles and shows its groups empty.
chmod 755 "$work"
servers=$PWD/tests/servers
running=()
cleanup() {
    for server in "${running[@]:-}"; do [ -n "$server" ] && sh "$servers/$server.sh" stop "$work/$server" >/dev/null 2>&1; done
    sleep 1
    rm -rf "$work"
}
trap cleanup EXIT
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
cannot() { echo "skipped: $1 cannot be had here: $(tail -1 "$work/$1.log")"; }
status=0

start() { # server port
    sh "$servers/$1.sh" start "$2" "$work/$1" >"$work/$1.log" 2>&1 || { cannot "$1"; return 1; }
    running+=("$1")
}

microsocks() {
    local port
    port=$(free_port)
    start microsocks "$port" || return 0
    STREIFE_TEST_SOCKS=$port cargo test --locked --quiet -p streife-sdk --features test-support --test socks -- --ignored
}

synapse() {
    local port room
    port=$(free_port)
    start synapse "$port" || return 0
    room=$(python3 "$servers/synapse/room.py" "$port") || return 1
    STREIFE_TEST_MATRIX="$port $room" cargo test --locked --quiet -p streife-matrix --test real -- --ignored
}

gotosocial() {
    local port token
    port=$(free_port)
    sh "$servers/gotosocial.sh" fetch >"$work/gotosocial.log" 2>&1 || { cannot gotosocial; return 0; }
    mkdir -p "$work/gotosocial/storage"
    echo "$port" >"$work/gotosocial/port"
    sh "$servers/gotosocial.sh" user "$work/gotosocial" amt || return 1
    start gotosocial "$port" || return 0
    token=$(python3 "$servers/gotosocial/token.py" "$port" amt) || return 1
    for text in eins zwei drei; do
        curl -fsS -H "Authorization: Bearer $token" -d "status=$text" -d visibility=public "http://localhost:$port/api/v1/statuses" >/dev/null || return 1
        # Ids of one millisecond have no order.
        sleep 0.1
    done
    STREIFE_TEST_MASTODON="$port $token" cargo test --locked --quiet -p streife-mastodon --test real -- --ignored
}

inn() {
    local port
    port=$(free_port)
    start inn "$port" || return 0
    STREIFE_TEST_NNTP="$port $work/inn" cargo test --locked --quiet -p streife-nntp --test real -- --ignored
}

wordpress() {
    local port
    port=$(free_port)
    start wordpress "$port" || return 0
    STREIFE_TEST_WORDPRESS="$port $work/wordpress" cargo test --locked --quiet -p streife-feed --test real -- --ignored
}

bluesky() {
    local pds jetstream plc did
    sh "$servers/jetstream.sh" fetch >"$work/jetstream.log" 2>&1 || { cannot jetstream; return 0; }
    pds=$(free_port) jetstream=$(free_port)
    start pds "$pds" || return 0
    read -r plc did < <(sh "$servers/pds.sh" act "$work/pds" addresses)
    sh "$servers/jetstream.sh" start "$jetstream" "$work/jetstream" "$pds" "$plc" "$did" || return 1
    running+=(jetstream)
    STREIFE_TEST_BLUESKY="$pds $work/pds $jetstream $work/jetstream" cargo test --locked --quiet -p streife-bluesky --test real -- --ignored
}

wanted=("$@")
[ ${#wanted[@]} -eq 0 ] && wanted=(microsocks synapse gotosocial inn wordpress bluesky)
for name in "${wanted[@]}"; do
    echo "== $name"
    "$name" || { status=1; echo "== $name: FAILED"; }
done
exit "$status"
