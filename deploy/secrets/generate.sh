#!/bin/sh
# Makes the secrets of a site: one file each in deploy/secrets/files, which git ignores. What exists is left as it is, so a
# second run adds only what is missing. To change one: delete its file, run this, then docs/operations.md, "Key rotation".
# Containers read them as their own users: the folder is closed (0700), the files are readable inside it (0444).
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
files=${1:-$here/files}
mkdir -p "$files"
chmod 700 "$files"

secret() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
make() { # name, bytes
    [ -s "$files/$1" ] && return 0
    secret "$2" >"$files/$1"
    echo "made $1"
}

for name in clickhouse_admin_password clickhouse_migrate_password clickhouse_store_password clickhouse_desk_password \
    clickhouse_retention_password clickhouse_grafana_password postgres_password grafana_admin_password \
    kafka_collect_password kafka_score_password kafka_store_password kafka_desk_password keycloak_admin_password; do
    make "$name" 24
done
make pseudonym_key 32
[ -s "$files/case_database_url" ] ||
    printf 'postgres://streife:%s@postgres:5432/streife' "$(cat "$files/postgres_password")" >"$files/case_database_url"
# ClickHouse's only user in a file: the one that makes the others. Only the hash of its password is in it.
if [ ! -s "$files/clickhouse_admin.xml" ]; then
    hash=$(sha256sum <"$files/clickhouse_admin_password" | cut -d' ' -f1)
    cat >"$files/clickhouse_admin.xml" <<XML
<clickhouse><users>
  <default remove="remove"/>
  <streife_admin>
    <password_sha256_hex>$hash</password_sha256_hex>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile><quota>default</quota>
    <access_management>1</access_management>
  </streife_admin>
</users></clickhouse>
XML
fi
chmod 444 "$files"/*
