#!/usr/bin/env bash
# Connectors against real servers on loopback, each installed and started by its script in tests/servers:
#   synapse (Matrix), gotosocial (Mastodon's interface), microsocks (onion addresses through SOCKS).
# `connectors.sh NAME...` runs some of them. A server that cannot be had on this machine is skipped and says so.
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
servers=$PWD/tests/servers
running=()
cleanup() {
    for server in "${running[@]:-}"; do [ -n "$server" ] && sh "$servers/${server%%:*}.sh" stop "${server#*:}" >/dev/null 2>&1; done
    rm -rf "$work"
}
trap cleanup EXIT
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

streife=${STREIFE_BIN:-}
if [ -z "$streife" ]; then
    cargo build --locked --quiet --bin streife || exit 1
    streife=${CARGO_TARGET_DIR:-target}/debug/streife
fi
export STREIFE_HOME=$PWD
passed=0
failed=0

start() { # server port: its folder is $work/server
    if ! sh "$servers/$1.sh" start "$2" "$work/$1" >"$work/$1.start" 2>&1; then
        echo "skipped: $1 cannot be started here: $(tail -1 "$work/$1.start")"
        return 1
    fi
    running+=("$1:$work/$1")
}

config() { # name kind settings: a configuration with one source
    printf '[paths]\ndata = "%s"\n[collect]\nallow_private = true\n%s\n[[source]]\nname = "%s"\nkind = "%s"\ninterval_secs = 1\n[source.legal]\npurpose = "media_supervision"\nlegal_basis = "test"\nreview_by = "2999-01-01"\n[source.settings]\n%s\n' \
        "$work/data-$1" "${4:-}" "$1" "$2" "$3" >"$work/$1.toml"
}

# What one fetch of a source sees: "event native text" lines.
seen() {
    "$streife" sources test "$1" --config "$work/$1.toml" 2>"$work/$1.err" | python3 -c '
import json, sys
for line in sys.stdin:
    e = json.loads(line)
    print(e.get("event", "problem"), e.get("text", e.get("error", {}).get("message", "")).replace("\n", " "))'
}

# Compares what was seen with what is wanted, both line by line.
is() { # what got wanted
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok: $1"
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n--- wanted\n%s\n--- got\n%s\n' "$1" "$3" "$2"
        tail -3 "$work"/*.err
    fi
}

synapse() {
    local port
    port=$(free_port)
    start synapse "$port" || return
    python3 "$servers/synapse/room.py" "$port" >"$work/room" || { failed=$((failed + 1)); return; }
    read -r room token <"$work/room"
    echo "$token" >"$work/matrix.token"
    config matrix matrix "server = \"http://127.0.0.1:$port\"
room = \"$room\"
token = { file = \"$work/matrix.token\" }"
    is "Matrix: posts, an edit, a redaction in a world-readable room, by a guest" "$(seen matrix)" "post eins
delete 
post drei
edit vier
delete "
}

gotosocial() {
    local port token
    port=$(free_port)
    mkdir -p "$work/gotosocial/storage"
    sh "$servers/gotosocial.sh" fetch >"$work/gotosocial.start" 2>&1 || { echo "skipped: gotosocial cannot be built here: $(tail -1 "$work/gotosocial.start")"; return; }
    echo "$port" >"$work/gotosocial/port"
    sh "$servers/gotosocial.sh" user "$work/gotosocial" amt || { failed=$((failed + 1)); return; }
    start gotosocial "$port" || return
    token=$(python3 "$servers/gotosocial/token.py" "$port" amt) || { failed=$((failed + 1)); return; }
    echo "$token" >"$work/mastodon.token"
    for text in eins zwei drei; do
        curl -fsS -H "Authorization: Bearer $token" --data-urlencode "status=$text" -d visibility=public "http://localhost:$port/api/v1/statuses" >/dev/null
    done
    config mastodon mastodon "server = \"http://localhost:$port\"
local = true
token = { file = \"$work/mastodon.token\" }"
    is "GoToSocial: the local timeline with a token" "$(seen mastodon)" "post eins
post zwei
post drei"
    config closed mastodon "server = \"http://localhost:$port\""
    seen closed >/dev/null
    is "GoToSocial: a timeline that is closed to strangers is refused, not taken for empty" "$(grep -c -i 'refused' "$work/closed.err")" 1
}

microsocks() {
    local port web
    port=$(free_port)
    web=$(free_port)
    start microsocks "$port" || return
    # The proxy resolves names itself: the page's name stands in its hosts file, never in ours.
    mkdir -p "$work/www"
    echo '<html><body><p>Eine Seite im Verborgenen.</p></body></html>' >"$work/www/index.html"
    (cd "$work/www" && exec python3 -m http.server "$web" --bind 127.0.0.1 >/dev/null 2>&1) &
    local pid=$!
    config direct page "urls = [\"http://geheim.onion:$web/\"]"
    seen direct >/dev/null
    is "an onion address without proxy is refused" "$(grep -c 'need http.socks_proxy\|socks_proxy' "$work/direct.err")" 1
    config onion page "urls = [\"http://geheim.onion:$web/\"]" "socks_proxy = \"socks5h://127.0.0.1:$port\""
    seen onion >/dev/null
    # microsocks answers "host unreachable": the name went to the proxy, which is all that can be shown without Tor.
    is "an onion address goes to the proxy by name" "$(grep -ci 'socks\|proxy\|unreach' "$work/onion.err")" 1
    kill "$pid" 2>/dev/null
}

wanted=("$@")
[ ${#wanted[@]} -eq 0 ] && wanted=(microsocks synapse gotosocial)
for name in "${wanted[@]}"; do
    echo "== $name"
    "$name"
done
[ "$failed" -eq 0 ] && word=ok || word=FAILED
echo "test result: $word. $passed passed; $failed failed; 0 ignored"
[ "$failed" -eq 0 ]
