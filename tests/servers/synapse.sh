#!/bin/sh
# Runs one Matrix homeserver (Synapse from PyPI, SQLite) for tests, on the loopback address, without federation.
#
#   synapse.sh start PORT FOLDER    prints "ready 127.0.0.1:PORT"; accounts are made with the secret "test"
#   synapse.sh stop FOLDER
#   synapse.sh fetch                only installs it
#
# Installed once into STREIFE_SYNAPSE, by default ~/.cache/streife/test-servers/synapse.
set -eu
venv=${STREIFE_SYNAPSE:-$HOME/.cache/streife/test-servers/synapse}
version=1.163.2
fail() { echo "synapse.sh: $*" >&2; exit 1; }

fetch() {
    [ -x "$venv/bin/synapse_homeserver" ] && return 0
    command -v python3 >/dev/null || fail "python3 is missing"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q "matrix-synapse==$version" >&2 || fail "pip could not install matrix-synapse $version"
}

start() {
    port=$1 folder=$2
    fetch
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    if [ ! -f "$folder/homeserver.yaml" ]; then
        (cd "$folder" && "$venv/bin/synapse_homeserver" --generate-config -H localhost -c homeserver.yaml --report-stats no --data-directory "$folder" >generate.log 2>&1) || { cat "$folder/generate.log" >&2; fail "no configuration"; }
        "$venv/bin/python" - "$folder/homeserver.yaml" "$port" <<'PY'
import sys, yaml
path, port = sys.argv[1], int(sys.argv[2])
config = yaml.safe_load(open(path))
config["listeners"] = [{"port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False, "x_forwarded": False,
                        "resources": [{"names": ["client"], "compress": False}]}]
config.update({"registration_shared_secret": "test", "allow_guest_access": True, "trusted_key_servers": [],
               "suppress_key_server_warning": True, "federation_domain_whitelist": [],
               "rc_message": {"per_second": 1000, "burst_count": 1000},
               "rc_login": {"address": {"per_second": 1000, "burst_count": 1000}},
               "rc_registration": {"per_second": 1000, "burst_count": 1000}})
yaml.safe_dump(config, open(path, "w"))
PY
    fi
    (cd "$folder" && exec "$venv/bin/synapse_homeserver" -c homeserver.yaml >log 2>&1) &
    echo $! >"$folder/pid"
    for _ in $(seq 120); do
        python3 -c 'import urllib.request,sys; urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/_matrix/client/versions", timeout=1)' "$port" 2>/dev/null && { echo "ready 127.0.0.1:$port"; return 0; }
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
        sleep 0.5
    done
    tail -5 "$folder/log" >&2
    fail "did not start"
}

case ${1:-} in
start) start "$2" "$3" ;;
stop) [ ! -f "$2/pid" ] || kill "$(cat "$2/pid")" 2>/dev/null || true ;;
fetch) fetch ;;
*) fail "usage: synapse.sh start PORT FOLDER | stop FOLDER | fetch" ;;
esac
