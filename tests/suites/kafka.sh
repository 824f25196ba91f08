#!/usr/bin/env bash
# Against Apache Kafka: the log's own conformance suite, then the three roles as processes of their own, which must flag
# exactly what `up` flags in one process. Starts what it needs on free ports in a folder of its own, and stops it.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]:-}"; do [ -n "$pid" ] && kill "$pid" 2>/dev/null; done
    bash tests/servers/kafka.sh stop "$work/kafka" >/dev/null 2>&1 || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

broker=127.0.0.1:$(free_port)
bash tests/servers/kafka.sh start "${broker#*:}" "$work/kafka"
if [ "${STREIFE_KAFKA_CONFORMANCE:-1}" = 1 ]; then
    STREIFE_TEST_KAFKA=$broker STREIFE_TEST_KAFKA_FOLDER=$work/kafka \
        cargo test --locked --quiet -p streife-log --test conformance --test kafka_faults -- --ignored --test-threads=1 --skip tansu
fi

cargo build --locked --quiet --bin streife
streife=${CARGO_TARGET_DIR:-target}/debug/streife
export STREIFE_HOME=$PWD STREIFE_ENGINE_PASSWORD=three-roles
replay=${STREIFE_REPLAY:-$PWD/config/sample}

# The engine on a folder, and a query against it.
engine() { # folder port
    "$streife" engine --data "$1" --listen "127.0.0.1:$2" >"$work/engine-$2.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 100); do grep -q '^listening' "$work/engine-$2.log" && return; sleep 0.1; done
    echo "the engine did not start"; exit 1
}
query() { curl -fsS -H 'X-ClickHouse-User: streife' -H "X-ClickHouse-Key: $STREIFE_ENGINE_PASSWORD" "http://127.0.0.1:$1/?database=streife" --data-binary "$2"; }
flagged="SELECT lower(hex(post_id)), priority, arraySort(rules), labels FROM flagged ORDER BY post_id FORMAT TSV"
books="SELECT outcome, reason, uniqExact(partition, offset) FROM outcomes GROUP BY outcome, reason ORDER BY outcome, reason FORMAT TSV"

"$streife" up --replay "$replay" --once --data "$work/one" --json >"$work/one.json"
port=$(free_port)
engine "$work/one/clickhouse" "$port"
query "$port" "$flagged" >"$work/one.flagged"
query "$port" "$books" >"$work/one.books"

port=$(free_port)
engine "$work/three-clickhouse" "$port"
cat >"$work/three.toml" <<TOML
[paths]
data = "$work/three"
[log]
kind = "kafka"
[kafka]
brokers = ["$broker"]
[clickhouse]
url = "http://127.0.0.1:$port"
password = { env = "STREIFE_ENGINE_PASSWORD" }
[[source]]
name = "replay"
kind = "archive"
[source.settings]
path = "$replay"
TOML
"$streife" migrate --config "$work/three.toml" >/dev/null
for role in score store; do
    "$streife" "$role" --config "$work/three.toml" >"$work/$role.log" 2>&1 &
    pids+=($!)
done
"$streife" collect --config "$work/three.toml" >"$work/collect.log" 2>&1
accepted=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["accepted"])' "$work/one.json")
for _ in $(seq 600); do
    [ "$(query "$port" 'SELECT uniqExact(partition, offset) FROM outcomes')" = "$accepted" ] && break
    sleep 0.2
done
sleep 1
query "$port" "$flagged" >"$work/three.flagged"
query "$port" "$books" >"$work/three.books"
diff "$work/one.books" "$work/three.books" && diff "$work/one.flagged" "$work/three.flagged" || { tail -5 "$work"/*.log; echo "test result: FAILED. 0 passed; 1 failed; 0 ignored"; exit 1; }
echo "three roles on Kafka flag the same $(wc -l <"$work/one.flagged") posts of $accepted as one process"
echo "test result: ok. 1 passed; 0 failed; 0 ignored"
