#!/usr/bin/env bash
# The case database on PostgreSQL (Debian's package, installed if it is missing): the tests that SQLite passes, on a server; and
# a second server that speaks TLS alone, with a certificate for `localhost` by an authority of the house.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
cleanup() {
    sh tests/servers/postgres.sh stop "$work/postgres" >/dev/null 2>&1 || true
    sh tests/servers/postgres.sh stop "$work/tls" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT

if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    as_root=''
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 postgresql
fi
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# authority NAME: a key and a certificate of its own. certificate NAME BY HOST: one for HOST, signed by BY.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$work/$1.key" -out "$work/$1.pem" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
}
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$3" -keyout "$1.key" -out "$work/request.pem" 2>/dev/null
    openssl x509 -req -in "$work/request.pem" -CA "$work/$2.pem" -CAkey "$work/$2.key" -CAcreateserial -days 2 -out "$1.crt" \
        -extfile <(printf 'subjectAltName=DNS:%s\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n' "$3") 2>/dev/null
}
authority house
authority stranger
mkdir -p "$work/tls/tls"
certificate "$work/tls/tls/server" house localhost
chmod 600 "$work/tls/tls/server.key"

sh tests/servers/postgres.sh start "$(free_port)" "$work/postgres"
sh tests/servers/postgres.sh start "$(free_port)" "$work/tls"
export STREIFE_TEST_POSTGRES STREIFE_TEST_POSTGRES_TLS STREIFE_TEST_AUTHORITY=$work/house.pem STREIFE_TEST_STRANGER=$work/stranger.pem
STREIFE_TEST_POSTGRES=$(cat "$work/postgres/url")
export DATABASE_URL=$STREIFE_TEST_POSTGRES
STREIFE_TEST_POSTGRES_TLS=$(cat "$work/tls/url")
cargo test --locked --quiet -p streife-cases
