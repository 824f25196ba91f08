#!/usr/bin/env bash
# Runs one Keycloak in development mode on the loopback address, with a realm for the desk's log-in tests.
#
#   keycloak.sh start PORT FOLDER    prints "ready http://127.0.0.1:PORT/realms/streife"
#   keycloak.sh stop FOLDER
#
# Keycloak comes from Maven Central (org.keycloak:keycloak-quarkus-dist); needs Java 21 and mvn.
set -euo pipefail

version=26.4.5
wait_secs=240
fail() { echo "keycloak.sh: $*" >&2; exit 1; }
running() { [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
    local port=$1 folder=$2
    command -v mvn >/dev/null || fail "mvn is missing (Debian: apt-get install maven)"
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    if [ ! -x "$folder/keycloak-$version/bin/kc.sh" ]; then
        mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
            -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip" -DoutputDirectory="$folder" -Dmdep.stripVersion=false >&2
        (cd "$folder" && python3 -m zipfile -e "keycloak-quarkus-dist-$version.zip" . && rm "keycloak-quarkus-dist-$version.zip")
        chmod +x "$folder/keycloak-$version/bin/"*.sh
    fi
    mkdir -p "$folder/keycloak-$version/data/import"
    cp "$(dirname "$0")/keycloak-realm.json" "$folder/keycloak-$version/data/import/streife-realm.json"
    JAVA_OPTS_KC_HEAP="-Xmx512m" setsid "$folder/keycloak-$version/bin/kc.sh" start-dev --import-realm \
        --http-host=127.0.0.1 --http-port="$port" --hostname-strict=false >"$folder/server.log" 2>&1 &
    echo $! >"$folder/pid"
    local waited=0
    until curl -fsS "http://127.0.0.1:$port/realms/streife/.well-known/openid-configuration" >/dev/null 2>&1; do
        running "$folder" || { tail -n 20 "$folder/server.log" >&2; fail "the server ended"; }
        [ "$waited" -ge "$wait_secs" ] && { stop "$folder"; fail "not ready after $wait_secs s: $folder/server.log"; }
        sleep 1
        waited=$((waited + 1))
    done
    echo "ready http://127.0.0.1:$port/realms/streife"
}

stop() {
    running "$1" || { rm -f "$1/pid"; return 0; }
    # kc.sh starts java in its own session; the whole of it ends.
    kill -TERM -- "-$(cat "$1/pid")" 2>/dev/null || kill -TERM "$(cat "$1/pid")"
    while running "$1"; do sleep 0.2; done
    rm -f "$1/pid"
}

case "${1:-}" in
    start) [ $# -eq 3 ] || fail "start PORT FOLDER"; start "$2" "$3" ;;
    stop) [ $# -eq 2 ] || fail "stop FOLDER"; stop "$2" ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
