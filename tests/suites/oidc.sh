#!/usr/bin/env bash
# The desk's log-in against a real Keycloak from Maven Central (opt-in: it needs about a gigabyte and a minute).
#   STREIFE_KEYCLOAK_FOLDER keeps the unpacked server for the next run.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
folder=${STREIFE_KEYCLOAK_FOLDER:-$work/keycloak}
cleanup() {
    bash tests/servers/keycloak.sh stop "$folder" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
ready=$(bash tests/servers/keycloak.sh start "$port" "$folder" | tail -1)
STREIFE_TEST_KEYCLOAK=${ready#ready } cargo test --locked --quiet -p streife-web --test oidc -- --include-ignored
