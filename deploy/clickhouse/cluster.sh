#!/bin/sh
# Prints the migrations for a ClickHouse cluster: the same files with replicated engines, and for several shards a Distributed table for
# each under the table's own name. Run the output on one server before `streife migrate`, which then finds everything there:
#   deploy/clickhouse/cluster.sh CLUSTER [SHARDS] | clickhouse-client --multiquery
set -eu
cluster=${1:?name of the cluster} shards=${2:-1}
here=$(cd "$(dirname "$0")/../.." && pwd)
for file in "$here"/schemas/clickhouse/*.sql; do
    python3 - "$file" "$cluster" "$shards" <<'PY'
import pathlib, re, sys

text, cluster, shards = pathlib.Path(sys.argv[1]).read_text(), sys.argv[2], int(sys.argv[3])
bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
# The ledger knows no post; everything else lies with its post.
KEYS = {"outcomes": "cityHash64(partition, offset)", "counters_hourly": "cityHash64(hour, source)", "erasure_runs": "cityHash64(run)"}
for statement in (s.strip() for s in re.split(r";\n|;$", bare)):
    if not statement:
        continue
    table = re.match(r"CREATE TABLE IF NOT EXISTS (\w+)", statement)
    statement = re.sub(r"^(CREATE (?:TABLE|VIEW) IF NOT EXISTS|ALTER TABLE) (\w+)", rf"\1 streife.\2 ON CLUSTER {cluster}", statement)
    statement = re.sub(r"ENGINE = (\w*)MergeTree\b", r"ENGINE = Replicated\1MergeTree", statement)
    statement = statement.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
    if not table or shards == 1:
        print(statement + ";\n")
        continue
    name = table.group(1)
    print(statement.replace(f"streife.{name} ON", f"streife.{name}_local ON", 1) + ";\n")
    key = KEYS.get(name, "cityHash64(post_id)")
    print(f"CREATE TABLE IF NOT EXISTS streife.{name} ON CLUSTER {cluster} AS streife.{name}_local\nENGINE = Distributed({cluster}, streife, {name}_local, {key});\n")
PY
done
