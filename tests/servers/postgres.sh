#!/bin/sh
# Runs one PostgreSQL server for tests and for `streife site up`, on the loopback address, with a password of its own.
#
#   postgres.sh start PORT FOLDER    starts it, or starts it again on the same data; prints "ready 127.0.0.1:PORT"
#                                    FOLDER/url then holds the address with user and password
#                                    with FOLDER/tls/server.crt and server.key it speaks TLS, and nothing else
#   postgres.sh stop FOLDER          stops it and waits for its end
#   postgres.sh kill FOLDER          kills it (SIGQUIT: PostgreSQL's own immediate shutdown), for crash tests
#
# Needs Debian's postgresql package (or initdb and postgres in PATH). PostgreSQL refuses to run as root: started by root,
# it runs as the user `postgres` and keeps only the right to walk through the folders above its own.
set -eu

wait_secs=60
fail() { echo "postgres.sh: $*" >&2; exit 1; }

tool() {
    if command -v "$1" >/dev/null; then command -v "$1"; return; fi
    for folder in /usr/lib/postgresql/*/bin; do [ -x "$folder/$1" ] && found=$folder/$1; done
    [ -n "${found:-}" ] || fail "$1 is missing (Debian: apt-get install postgresql)"
    echo "$found"
}

# Becomes a program, as a user PostgreSQL accepts.
exec_unprivileged() {
    [ "$(id -u)" != 0 ] || set -- setpriv --reuid=postgres --regid=postgres --clear-groups \
        --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
    exec "$@"
}

running() { [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
    port=$1 folder=$2
    initdb=$(tool initdb) postgres=$(tool postgres) psql=$(tool psql)
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    running "$folder" && fail "already running in $folder"
    if [ ! -s "$folder/password" ]; then
        (umask 077; od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/password")
    fi
    [ "$(id -u)" != 0 ] || chown -R postgres:postgres "$folder"
    if [ ! -e "$folder/data/PG_VERSION" ]; then
        (exec_unprivileged "$initdb" -D "$folder/data" -U streife -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$folder/password") \
            >"$folder/initdb.log" 2>&1 || { tail -n 20 "$folder/initdb.log" >&2; fail "initdb failed"; }
    fi
    set --
    if [ -e "$folder/tls/server.crt" ]; then
        set -- -c ssl=on -c ssl_cert_file="$folder/tls/server.crt" -c ssl_key_file="$folder/tls/server.key"
        sed -i 's/^host /hostssl /' "$folder/data/pg_hba.conf"
    fi
    # TCP on loopback only; no socket, whose folder other users could name.
    (exec_unprivileged "$postgres" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= "$@") \
        >"$folder/server.log" 2>&1 &
    echo $! >"$folder/pid"
    export PGPASSWORD="$(cat "$folder/password")" PGCONNECT_TIMEOUT=5
    waited=0
    until "$psql" -h 127.0.0.1 -p "$port" -U streife -d postgres -qAtc 'SELECT 1' >/dev/null 2>&1; do
        running "$folder" || { tail -n 20 "$folder/server.log" >&2; fail "the server ended"; }
        [ "$waited" -ge "$wait_secs" ] && { stop "$folder"; fail "not ready after $wait_secs s: $folder/server.log"; }
        sleep 1
        waited=$((waited + 1))
    done
    exists=$("$psql" -h 127.0.0.1 -p "$port" -U streife -d postgres -qAtc "SELECT 1 FROM pg_database WHERE datname = 'streife'")
    [ "$exists" = 1 ] || "$psql" -h 127.0.0.1 -p "$port" -U streife -d postgres -qAtc 'CREATE DATABASE streife'
    (umask 077; printf 'postgres://streife:%s@127.0.0.1:%s/streife' "$PGPASSWORD" "$port" >"$folder/url")
    echo "ready 127.0.0.1:$port"
}

end() {
    signal=$1 folder=$2
    running "$folder" || { rm -f "$folder/pid"; return 0; }
    kill "-$signal" "$(cat "$folder/pid")"
    while running "$folder"; do sleep 0.2; done
    rm -f "$folder/pid"
}

# INT is PostgreSQL's fast shutdown: open transactions are rolled back.
stop() { end INT "$1"; }

case "${1:-}" in
    start) [ $# -eq 3 ] || fail "start PORT FOLDER"; start "$2" "$3" ;;
    stop) [ $# -eq 2 ] || fail "stop FOLDER"; stop "$2" ;;
    kill) [ $# -eq 2 ] || fail "kill FOLDER"; end QUIT "$2" ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
