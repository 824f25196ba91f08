#!/bin/sh
# A backup of a site, encrypted with a key of its own day. The key lies in DATA/backup-keys/YYYY-MM-DD.key and is destroyed by
# `streife retention run` after retention.backup_days: then nobody reads the backup any more, wherever its copies are.
#   deploy/backup.sh FOLDER DATA          backs up; needs CLICKHOUSE_URL, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD_FILE, PGURL_FILE where used
#   deploy/backup.sh --open FILE DATA OUT decrypts a file with the key of its day
# Backed up: tables of ClickHouse (as Native files), the case database, the desk's evidence (its keys are not: back these up apart),
# certificates. Not backed up: the log, whose records are 72 hours old at most; recent posts, which vanish anyway.
set -eu
umask 077

open_one() {
    day=$(basename "$1" | cut -c1-10)
    key=$2/backup-keys/$day.key
    [ -s "$key" ] || { echo "the key of $day was destroyed: nobody can read this backup" >&2; exit 1; }
    openssl enc -d -aes-256-ctr -pbkdf2 -iter 200000 -pass "file:$key" -in "$1" -out "$3"
}
if [ "${1:-}" = --open ]; then
    [ $# -eq 4 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
    open_one "$2" "$3" "$4"
    exit 0
fi
[ $# -eq 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
to=$1 data=$2
day=$(date -u +%Y-%m-%d)
mkdir -p "$to" "$data/backup-keys"
key=$data/backup-keys/$day.key
[ -s "$key" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$key"
seal() { openssl enc -aes-256-ctr -pbkdf2 -iter 200000 -salt -pass "file:$key" -out "$to/$day-$1.part" && mv "$to/$day-$1.part" "$to/$day-$1"; }

if [ -n "${CLICKHOUSE_URL:-}" ]; then
    header=$(mktemp)
    trap 'rm -f "$header"' EXIT
    printf 'X-ClickHouse-User: %s\nX-ClickHouse-Key: %s\n' "${CLICKHOUSE_USER:-streife}" "$(cat "$CLICKHOUSE_PASSWORD_FILE")" >"$header"
    for table in flagged_posts flagged_identities hits scores post_changes erasures erasure_runs outcomes counters_hourly schema_migrations; do
        curl -fsS -H "@$header" "$CLICKHOUSE_URL/?database=streife&default_format=Native" --data-binary "SELECT * FROM $table" | gzip -1 | seal "$table.native.gz"
    done
fi
if [ -n "${PGURL_FILE:-}" ]; then
    PGURL=$(cat "$PGURL_FILE")
    pg_dump --format=custom --dbname "$PGURL" | seal cases.pgdump
elif [ -e "$data/desk.sqlite" ]; then
    copy=$(mktemp -u)
    python3 - "$data/desk.sqlite" "$copy" <<'PY'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as live, sqlite3.connect(sys.argv[2]) as copy:
    live.backup(copy)
PY
    seal desk.sqlite <"$copy"
    rm -f "$copy"
fi
for folder in evidence certificates; do
    if [ -d "$data/$folder" ]; then tar -C "$data" -cf - "$folder" | seal "$folder.tar"; fi
done
(cd "$to" && sha256sum "$day"-* >"$day.sha256")
echo "backed up to $to/$day-*"
