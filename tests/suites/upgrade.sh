#!/usr/bin/env bash
# Data written by the previous release are read by this one: log, ClickHouse, case database. The previous release is the newest tag, or
# STREIFE_PREVIOUS (a commit or a binary); without any, the test says so and is skipped. Builds it beside this checkout.
set -euo pipefail
cd "$(dirname "$0")/../.."
previous=${STREIFE_PREVIOUS:-$(git describe --tags --abbrev=0 2>/dev/null || true)}
[ -n "$previous" ] || { echo "skipped: no previous release (a tag, or STREIFE_PREVIOUS)"; exit 0; }
work=$(mktemp -d)
cleanup() { git worktree remove --force "$work/tree" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT
export STREIFE__SCORING__ENCODE=none
home_of_old=$PWD
if [ -x "$previous" ]; then
    old=$previous
else
    git worktree add --detach --quiet "$work/tree" "$previous"
    home_of_old=$work/tree
    (cd "$work/tree" && CARGO_TARGET_DIR=${STREIFE_PREVIOUS_TARGET:-${CARGO_TARGET_DIR:-$home_of_old/target}/previous} cargo build --locked --quiet --bin streife)
    old=${STREIFE_PREVIOUS_TARGET:-${CARGO_TARGET_DIR:-$home_of_old/target}/previous}/debug/streife
fi
cargo build --locked --quiet -p streife-app --bin streife
new=${CARGO_TARGET_DIR:-target}/debug/streife

# The old one collects, scores, stores; the new one opens the same folder, migrates, and goes on with more.
python3 - >"$work/first.jsonl" <<'PY'
import json
for n in range(400): print(json.dumps({"id": f"a{n}", "text": ("Stellt sie alle an die Wand " if n % 20 == 3 else "Regen am Morgen ") + str(n), "source": "old"}))
PY
sed 's/"a\([0-9]*\)"/"b\1"/; s/"old"/"new"/' "$work/first.jsonl" >"$work/second.jsonl"
STREIFE_HOME=$home_of_old "$old" up --replay "$work/first.jsonl" --once --data "$work/data" --json | tail -1 >"$work/old.json"
STREIFE_HOME=$PWD "$new" up --replay "$work/second.jsonl" --once --data "$work/data" --json | tail -1 >"$work/new.json"
cat "$work/old.json" "$work/new.json"
python3 - "$work/old.json" "$work/new.json" <<'PY'
import json, sys
old, new = (json.load(open(path)) for path in sys.argv[1:])
assert new["accepted"] == old["accepted"] + 400, (old, new)
assert new["flagged"] >= old["flagged"] + 20, (old, new)
assert new["accepted"] == new["stored"] + sum(new["dropped"].values()) + new["dead"], new
print("test result: ok. 1 passed; 0 failed; 0 ignored")
PY
