#!/usr/bin/env bash
# The desk in a real browser (Debian's chromium by Playwright): people at work, axe-core on every page, nothing leaves the host.
#   STREIFE_BROWSER_URL=http://...  uses a desk that already runs in demonstration mode instead of starting one.
# Further arguments go to Playwright, such as `officer` or `--grep "by keyboard"`.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
pid=
cleanup() {
    [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT

STREIFE_CHROMIUM=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$STREIFE_CHROMIUM" ]; then
    as_root=''
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 chromium
    STREIFE_CHROMIUM=$(command -v chromium)
fi
export STREIFE_CHROMIUM STREIFE_BROWSER_OUT=$work/out
(
    cd tests/browser
    # Installed once for each state of the lock file.
    cmp -s package-lock.json node_modules/.installed-lock || {
        PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent --no-audit --no-fund
        cp package-lock.json node_modules/.installed-lock
    }
)

if [ -z "${STREIFE_BROWSER_URL:-}" ]; then
    cargo build --locked --quiet --bin streife
    node tests/browser/posts.mjs >"$work/posts.jsonl"
    STREIFE_HOME=$PWD "${CARGO_TARGET_DIR:-target}/debug/streife" up --data "$work/data" --listen 127.0.0.1:0 \
        --replay "$work/posts.jsonl" >"$work/desk.log" 2>&1 &
    pid=$!
    for _ in $(seq 300); do
        STREIFE_BROWSER_URL=$(grep -o 'http://127.0.0.1:[0-9]*' "$work/desk.log" | head -1 || true)
        [ -n "$STREIFE_BROWSER_URL" ] && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
    done
    if [ -z "$STREIFE_BROWSER_URL" ]; then
        echo "the desk did not start:"
        tail -20 "$work/desk.log"
        exit 1
    fi
    export STREIFE_BROWSER_URL
    # The replay is stored within seconds; the queue is counted once it no longer grows.
    sleep "${STREIFE_BROWSER_SETTLE_SECS:-5}"
fi
cd tests/browser
node_modules/.bin/playwright test "$@"
