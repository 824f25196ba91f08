#!/bin/sh
# Runs one InterNetNews server (Debian's package, unpacked into a folder, not installed) for tests, on the loopback address.
#
#   inn.sh start PORT FOLDER     prints "ready 127.0.0.1:PORT"; groups de.test and control.cancel, posting by anybody,
#                                cancels obeyed; a folder that has been used before goes on where it was
#   inn.sh stop FOLDER           waits for its end
#   inn.sh fetch                 only downloads and unpacks it
#
# Unpacked once into STREIFE_INN, by default ~/.cache/streife/test-servers/inn.
set -eu
home=${STREIFE_INN:-$HOME/.cache/streife/test-servers/inn}
fail() { echo "inn.sh: $*" >&2; exit 1; }

fetch() {
    [ -x "$home/usr/lib/news/bin/innd" ] && return 0
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "only for Debian and its relatives"
    mkdir -p "$home/packages"
    (cd "$home/packages" && apt-get download inn2 inn2-inews libcanlock3 >/dev/null 2>&1) || fail "apt-get could not download inn2, inn2-inews and libcanlock3"
    for package in "$home"/packages/*.deb; do dpkg-deb -x "$package" "$home"; done
}

# The server refuses to be root: started by root, it is the user `news` that Debian always has, and keeps only the right to
# walk through the folders above its own.
if [ "$(id -u)" = 0 ]; then user=news group=news; else user=$(id -un) group=$(id -gn); fi
exec_unprivileged() {
    [ "$(id -u)" != 0 ] || set -- setpriv --reuid=news --regid=news --clear-groups \
        --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
    exec "$@"
}

# Libraries lie beside the program: /usr/lib/news for its own, the machine's folder of Debian for libcanlock.
libraries() { find "$home/usr/lib" -maxdepth 1 -type d | tr '\n' ':'; }

configure() { # port, folder
    mkdir -p "$2/etc" "$2/db" "$2/log" "$2/run" "$2/tmp" "$2/spool/articles" "$2/spool/overview" "$2/spool/incoming/bad" \
        "$2/spool/outgoing" "$2/spool/archive" "$2/filter" "$2/http"
    cat >"$2/etc/inn.conf" <<CONF
mta: "/bin/true %s"
organization: Test
domain: example.org
pathhost: news.example.org
fromhost: example.org
moderatormailer: nobody@example.org
runasuser: $user
runasgroup: $group
bindaddress: 127.0.0.1
bindaddress6: "::1"
port: $1
enableoverview: true
ovmethod: tradindexed
hismethod: hisv6
storeonxref: true
docancels: all
verifycancels: false
logartsize: false
pathnews: $home/usr/lib/news
patharticles: $2/spool/articles
pathoverview: $2/spool/overview
pathincoming: $2/spool/incoming
pathoutgoing: $2/spool/outgoing
patharchive: $2/spool/archive
pathspool: $2/spool
pathdb: $2/db
pathetc: $2/etc
pathrun: $2/run
pathlog: $2/log
pathtmp: $2/tmp
pathfilter: $2/filter
pathhttp: $2/http
pathcontrol: $home/usr/lib/news/bin/control
CONF
    cat >"$2/etc/storage.conf" <<CONF
method tradspool {
    newsgroups: *
    class: 0
}
CONF
    cat >"$2/etc/readers.conf" <<CONF
auth all {
    hosts: "*"
    default: "anybody"
}
access all {
    users: "*"
    newsgroups: "*"
    access: "RPN"
}
CONF
    printf 'ME:*::\n' >"$2/etc/newsfeeds"
    printf 'streaming: false\nmax-connections: 8\npeer ME {\n    hostname: "localhost, 127.0.0.1"\n    password: ""\n}\n' >"$2/etc/incoming.conf"
    printf '/remember/:10\n*:A:1:10:never\n' >"$2/etc/expire.ctl"
    printf 'ALL:*@*:*:log\n' >"$2/etc/control.ctl"
    : >"$2/etc/moderators"
    : >"$2/etc/localgroups"
    : >"$2/etc/subscriptions"
    printf 'de.test 0000000000 0000000001 y\ncontrol 0000000000 0000000001 n\ncontrol.cancel 0000000000 0000000001 n\njunk 0000000000 0000000001 n\n' >"$2/db/active"
    printf 'de.test\tTest\n' >"$2/db/newsgroups"
    : >"$2/db/active.times"
    : >"$2/db/history"
    [ "$(id -u)" != 0 ] || chown -R news:news "$2"
    (cd "$2/db" && exec_unprivileged "$home/usr/lib/news/bin/makedbz" -i -o >>"$2/log/start" 2>&1) || fail "no history: $(tail -3 "$2/log/start")"
}

start() { # port, folder
    fetch
    mkdir -p "$2"
    folder=$(cd "$2" && pwd)
    export INNCONF="$folder/etc/inn.conf" LD_LIBRARY_PATH="$(libraries)"
    [ -f "$folder/etc/inn.conf" ] || { mkdir -p "$folder/log"; configure "$1" "$folder"; }
    # In the foreground, without the shell scripts around it: they keep their parent waiting.
    (exec_unprivileged "$home/usr/lib/news/bin/innd" -f -P "$1") </dev/null >>"$folder/log/start" 2>&1 &
    echo $! >"$folder/pid"
    for _ in $(seq 60); do
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
        python3 -c 'import socket,sys; s=socket.create_connection(("127.0.0.1",int(sys.argv[1])),2); s.settimeout(2); sys.exit(not s.recv(3).startswith(b"200"))' "$1" 2>/dev/null && { echo "ready 127.0.0.1:$1"; return 0; }
        sleep 0.5
    done
    fail "did not start: $(tail -5 "$folder/log/start")"
}

stop() { # folder
    [ -f "$1/pid" ] || return 0
    pid=$(cat "$1/pid")
    export INNCONF="$1/etc/inn.conf" LD_LIBRARY_PATH="$(libraries)"
    # It takes no signal while it sleeps.
    (cd / && exec_unprivileged "$home/usr/lib/news/bin/ctlinnd" -t 10 shutdown test) >>"$1/log/start" 2>&1 || kill -9 "$pid" 2>/dev/null || true
    for _ in $(seq 60); do
        { [ -d "/proc/$pid" ] && ! grep -q "^State:.Z" "/proc/$pid/status" 2>/dev/null; } || break
        sleep 0.5
    done
    rm -f "$1"/run/*
}

case ${1:-} in
start) start "$2" "$3" ;;
stop) stop "$2" ;;
fetch) fetch ;;
*) fail "usage: inn.sh start PORT FOLDER | stop FOLDER | fetch" ;;
esac
