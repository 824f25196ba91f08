#!/usr/bin/env bash
# The whole site under a steady load with bursts, for an hour by default: 500 posts a second, every few minutes 15,000 a second for
# 30 s. At the end: nothing lost (accepted = written, each with an outcome), memory flat within 5 % between the second tenth of the time
# and its end, the lag back to normal within 60 s after each burst. Without encoder: its cost is measured elsewhere.
#   STREIFE_SOAK_SECS (3600)  STREIFE_SOAK_RATE (500)  STREIFE_SOAK_BURST (15000)  STREIFE_SOAK_BURST_SECS (30)  STREIFE_SOAK_BURST_EVERY (600)
#   STREIFE_SOAK_BINARY (a release build is made)
# Kafka, the engine and the roles are processes of their own, as `streife site up` starts them.
set -euo pipefail
cd "$(dirname "$0")/../.."
secs=${STREIFE_SOAK_SECS:-3600}
work=$(mktemp -d)
site_pid=''
cleanup() {
    [ -n "$site_pid" ] && kill -TERM "$site_pid" 2>/dev/null && wait "$site_pid" 2>/dev/null
    if [ "${STREIFE_SOAK_KEEP:-}" = 1 ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT
streife=${STREIFE_SOAK_BINARY:-}
if [ -z "$streife" ]; then
    cargo build --locked --quiet --release -p streife-app --bin streife
    streife=${CARGO_TARGET_DIR:-$PWD/target}/release/streife
fi
export STREIFE_HOME=$PWD STREIFE__SCORING__ENCODE=none STREIFE_LOG=${STREIFE_LOG:-warn}

# The site's own collector has nothing to read; the load comes through the standard input of another one.
: >"$work/empty.jsonl"
sed "s|^path = .*|path = \"$work/empty.jsonl\"|" deploy/site/streife.toml >"$work/site.toml"
"$streife" site up --config "$work/site.toml" --data "$work/site" >"$work/site.log" 2>&1 &
site_pid=$!
for _ in $(seq 600); do grep -q "Ctrl-C\|Strg-C" "$work/site.log" && break; kill -0 "$site_pid" || { cat "$work/site.log"; exit 1; }; sleep 0.5; done
grep -v '^listen = ' "$work/site/collect.toml" | sed 's|^path = .*empty.jsonl"|path = "-"|; s|^name = .*|name = "soak"|' >"$work/load.toml"
python3 tests/suites/soak_load.py "$secs" "${STREIFE_SOAK_RATE:-500}" "${STREIFE_SOAK_BURST:-15000}" \
    "${STREIFE_SOAK_BURST_SECS:-30}" "${STREIFE_SOAK_BURST_EVERY:-600}" 2>"$work/load.json" |
    "$streife" collect --config "$work/load.toml" >"$work/load.log" 2>&1 &
load=$!
python3 tests/suites/soak_watch.py "$work" "$load" || { tail -n 5 "$work"/load.log "$work"/site/logs/*.log; exit 1; }
