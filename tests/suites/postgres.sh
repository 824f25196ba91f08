#!/usr/bin/env bash
# The case database on PostgreSQL (Debian's package, installed if it is missing): the tests that SQLite passes, on a server.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
cleanup() {
    sh tests/servers/postgres.sh stop "$work/postgres" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT

if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    as_root=''
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 postgresql
fi
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
sh tests/servers/postgres.sh start "$port" "$work/postgres"
STREIFE_TEST_POSTGRES=$(cat "$work/postgres/url") cargo test --locked --quiet -p streife-cases
