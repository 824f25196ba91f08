#!/usr/bin/env bash
# The API under schemathesis (PyPI), by its own description: whatever that allows or forbids is sent to a desk in demonstration
# mode, and the answers must keep to it. Every operation is one test.
#   STREIFE_API_CASES (50)     requests made up for each operation
#   STREIFE_BIN=path           uses this program instead of building one
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/suites/demo_desk.bash
work=$(mktemp -d)
cleanup() {
    stop_desk || true
    rm -rf "$work"
}
trap cleanup EXIT

version=4.32.5
tools=${XDG_CACHE_HOME:-$HOME/.cache}/streife/test-servers/schemathesis-$version
if [ ! -e "$tools/complete" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet "schemathesis==$version"
    touch "$tools/complete"
fi

start_desk "$work"
token=$(python3 tests/suites/api_token.py "$desk_url")
outcome=0
"$tools/bin/schemathesis" run "$desk_url/api/openapi.json" --header "Authorization: Bearer $token" --checks all \
    --phases coverage,fuzzing --max-examples "${STREIFE_API_CASES:-50}" --continue-on-failure --no-color \
    --max-response-time 60 --report junit --report-dir "$work/report" || outcome=$?
python3 tests/suites/junit_lines.py "$work"/report/*.xml
stop_desk
exit "$outcome"
