#!/usr/bin/env bash
# The desk in a real browser (Debian's chromium by Playwright): people at work, axe-core on every page, nothing leaves the host.
#   STREIFE_BROWSER_URL=http://...  uses a desk that already runs in demonstration mode instead of starting one.
#   STREIFE_BIN=path                uses this program instead of building one.
# Further arguments go to Playwright, such as `officer` or `--grep "by keyboard"`.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/suites/demo_desk.bash
work=$(mktemp -d)
cleanup() {
    stop_desk || true
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

status=0
# Specs on a desk of their own, or on the one that runs already.
on_a_desk() { # name of the data folder, arguments of Playwright
    local folder=$work/$1
    shift
    if [ -z "${STREIFE_BROWSER_URL:-}" ]; then
        mkdir -p "$folder"
        start_desk "$folder"
        (cd tests/browser && STREIFE_BROWSER_URL=$desk_url node_modules/.bin/playwright test "$@") || status=1
        stop_desk
    else
        (cd tests/browser && node_modules/.bin/playwright test "$@") || status=1
    fi
}
if [ $# -gt 0 ]; then
    on_a_desk chosen "$@"
else
    # A stranger walks through a desk that nobody has worked at; the others leave too few posts.
    on_a_desk walk walk
    others=()
    for spec in tests/browser/*.spec.mjs; do [ "$spec" = tests/browser/walk.spec.mjs ] || others+=("$(basename "$spec")"); done
    on_a_desk others "${others[@]}"
fi
exit "$status"
