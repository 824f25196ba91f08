# Sourced by suites that need a desk in demonstration mode.
#   STREIFE_BIN=path    uses this program instead of building one

# start_desk WORK: sets desk_url and desk_pid; the desk holds more of the bundled sample (tests/browser/posts.mjs).
start_desk() {
    local work=$1
    [ -n "${STREIFE_BIN:-}" ] || cargo build --locked --quiet --bin streife
    node tests/browser/posts.mjs >"$work/posts.jsonl"
    STREIFE_HOME=$PWD "${STREIFE_BIN:-${CARGO_TARGET_DIR:-target}/debug/streife}" up --data "$work/data" --listen 127.0.0.1:0 \
        --replay "$work/posts.jsonl" >"$work/desk.log" 2>&1 &
    desk_pid=$!
    desk_url=
    for _ in $(seq 600); do
        desk_url=$(grep -o 'http://127.0.0.1:[0-9]*' "$work/desk.log" | head -1 || true)
        [ -n "$desk_url" ] && break
        kill -0 "$desk_pid" 2>/dev/null || break
        sleep 0.2
    done
    if [ -z "$desk_url" ]; then
        echo "the desk did not start:"
        tail -20 "$work/desk.log"
        return 1
    fi
    # The replay is stored within seconds; the queue is counted once it no longer grows.
    sleep "${STREIFE_BROWSER_SETTLE_SECS:-5}"
}

# A desk that does not end when it is asked to is a failure of its own.
stop_desk() {
    [ -n "${desk_pid:-}" ] || return 0
    kill "$desk_pid" 2>/dev/null || return 0
    for _ in $(seq 600); do
        kill -0 "$desk_pid" 2>/dev/null || { desk_pid=; return 0; }
        sleep 0.2
    done
    kill -9 "$desk_pid"
    desk_pid=
    echo "the desk did not end within two minutes"
    return 1
}
