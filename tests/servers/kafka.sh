#!/bin/sh
# Runs one Apache Kafka broker (KRaft, one JVM, no security) for tests, on the loopback address.
#
#   kafka.sh start PORT FOLDER    starts it, or starts it again on the same data; prints "ready 127.0.0.1:PORT"
#   kafka.sh stop FOLDER          stops it and waits for its end
#   kafka.sh kill FOLDER          kills it (SIGKILL), for crash tests
#   kafka.sh fetch                only fetches the jars
#
# PORT is taken for clients, PORT+1 for the controller. Needs java (17 or later) and mvn. The jars are fetched once,
# into STREIFE_KAFKA_LIBS, by default ~/.cache/streife/test-servers/kafka. STREIFE_KAFKA_ADDRESS: another address of this machine.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
libs=${STREIFE_KAFKA_LIBS:-$HOME/.cache/streife/test-servers/kafka}
address=${STREIFE_KAFKA_ADDRESS:-127.0.0.1}
wait_secs=${STREIFE_KAFKA_WAIT_SECS:-120}

fail() { echo "kafka.sh: $*" >&2; exit 1; }

fetch() {
    [ -e "$libs/complete-with-tools" ] && return 0
    command -v mvn >/dev/null || fail "mvn is missing (Debian: apt-get install maven)"
    mkdir -p "$libs"
    mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$libs" -DincludeScope=runtime
    touch "$libs/complete-with-tools"
}

running() { [ -f "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

start() {
    port=$1 folder=$2
    command -v java >/dev/null || fail "java is missing (Debian: apt-get install default-jre-headless)"
    fetch
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    running "$folder" && fail "already running in $folder"
    cat >"$folder/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://$address:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://$address:$port
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:$((port + 1))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=500
PROPERTIES
    if [ ! -e "$folder/data/meta.properties" ]; then
        id=$(java -cp "$libs/*" kafka.tools.StorageTool random-uuid 2>/dev/null)
        java -cp "$libs/*" kafka.tools.StorageTool format --standalone -t "$id" -c "$folder/server.properties" \
            >"$folder/format.log" 2>&1 || { cat "$folder/format.log" >&2; fail "format failed"; }
    fi
    : >"$folder/server.log"
    java -Xmx512m -Xms128m -cp "$libs/*" kafka.Kafka "$folder/server.properties" >>"$folder/server.log" 2>&1 &
    echo $! >"$folder/pid"
    waited=0
    until grep -q "Kafka Server started" "$folder/server.log"; do
        running "$folder" || { tail -n 30 "$folder/server.log" >&2; fail "the broker ended"; }
        [ "$waited" -ge "$wait_secs" ] && { stop "$folder"; fail "not ready after $wait_secs s: $folder/server.log"; }
        sleep 1
        waited=$((waited + 1))
    done
    echo "ready $address:$port"
}

end() {
    signal=$1 folder=$2
    running "$folder" || { rm -f "$folder/pid"; return 0; }
    kill "-$signal" "$(cat "$folder/pid")"
    while running "$folder"; do sleep 1; done
    rm -f "$folder/pid"
}

stop() { end TERM "$1"; }

case "${1:-}" in
    fetch) fetch ;;
    start) [ $# -eq 3 ] || fail "start PORT FOLDER"; start "$2" "$3" ;;
    stop) [ $# -eq 2 ] || fail "stop FOLDER"; stop "$2" ;;
    kill) [ $# -eq 2 ] || fail "kill FOLDER"; end KILL "$2" ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
