#!/bin/sh
# Applies users.sql as the administrator. Passwords come from files in /run/secrets (or SECRETS) and never appear on a
# command line: their hashes are put into the statements, which go through a pipe.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
secrets=${SECRETS:-/run/secrets}
hash_of() { sha256sum <"$secrets/clickhouse_$1_password" | cut -d' ' -f1; }
sql=$(cat "$here/users.sql")
for name in migrate store desk retention grafana; do
    sql=$(printf '%s' "$sql" | sed "s/{{$name}}/$(hash_of "$name")/")
done
config=$(mktemp)
trap 'rm -f "$config"' EXIT
printf '<config><host>%s</host><user>streife_admin</user><password>%s</password></config>' \
    "${CLICKHOUSE_HOST:-127.0.0.1}" "$(cat "$secrets/clickhouse_admin_password")" >"$config"
printf '%s\n' "$sql" | clickhouse-client --config-file "$config" --multiquery
