#!/usr/bin/env bash
# `up` is killed with SIGKILL in the middle of a replay, again and again, and started again on the same data. In the end the
# books must balance and the flagged view hold no post twice, as after a run without kills.
#   STREIFE_FAULT_POSTS (default 20000)  STREIFE_FAULT_KILLS (default 10)
set -euo pipefail
cd "$(dirname "$0")/../.."
posts=${STREIFE_FAULT_POSTS:-20000}
kills=${STREIFE_FAULT_KILLS:-10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --locked --quiet --bin streife
streife=${CARGO_TARGET_DIR:-target}/debug/streife
export STREIFE_HOME=$PWD
# The encoder is left out: this is about the books, and the accounting does not depend on it.
export STREIFE__SCORING__ENCODE=none

python3 - "$posts" >"$work/posts.jsonl" <<'PY'
import json, random, sys
rng = random.Random(7)
words = "haus garten zug morgen abend stadt wetter regen sonne markt brot salz wasser wiese vogel baum weg platz".split()
for n in range(int(sys.argv[1])):
    if n % 97 == 5: print("{broken"); continue
    text = " ".join(rng.choice(words) for _ in range(rng.randint(4, 30)))
    if n % 40 == 3: text = "Stellt sie alle an die Wand " + text
    number = n - 1 if n % 50 == 9 else n
    print(json.dumps({"id": f"p{number}", "text": f"{text} {number}", "source": "sim"}))
PY

run() { "$streife" up --replay "$work/posts.jsonl" --once --data "$1" --json; }
run "$work/whole" >"$work/whole.json"
for kill in $(seq "$kills"); do
    "$streife" up --replay "$work/posts.jsonl" --once --data "$work/killed" --json >/dev/null 2>"$work/up.log" &
    pid=$!
    sleep "$(python3 -c "import random; print(round(random.uniform(0.3, 3.0), 2))")"
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    # The engine ends by itself when its parent is gone; it needs a moment to close its tables.
    sleep 1.5
done
run "$work/killed" >"$work/killed.json"
cat "$work/whole.json" "$work/killed.json"
python3 - "$work/whole.json" "$work/killed.json" <<'PY'
import json, sys
whole, killed = (json.load(open(path)) for path in sys.argv[1:])
for run in (whole, killed):
    assert run["accepted"] == run["stored"] + sum(run["dropped"].values()) + run["dead"], run
# What was published and not yet covered by a cursor is published again after a kill: more records, the same posts.
assert killed["accepted"] >= whole["accepted"], (whole, killed)
assert killed["flagged"] == whole["flagged"], (whole, killed)
print("test result: ok. 1 passed; 0 failed; 0 ignored")
PY

# Where Apache Kafka can be run: what comes in is broken. Then the upgrade.
if command -v java >/dev/null && { [ -e "${STREIFE_KAFKA_LIBS:-$HOME/.cache/streife/test-servers/kafka}/complete-with-tools" ] || command -v mvn >/dev/null; }; then
    export STREIFE_BIN=${STREIFE_BIN:-$(realpath "$streife")}
    python3 tests/suites/site_faults.py input
    # The roles as processes of their own: each killed ten times; then a database that stands still, and a burst.
    STREIFE_FAULT_POSTS=$posts STREIFE_FAULT_KILLS=$kills python3 tests/suites/kafka_roles.py kills
    python3 tests/suites/kafka_roles.py stall
else
    echo "skipped: java or mvn is not there"
fi
bash tests/suites/upgrade.sh
