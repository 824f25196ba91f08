#!/usr/bin/env bash
# Type-checks the dashboards against Grafana's own schema: each JSON file becomes a TypeScript constant of the type Dashboard.
#   grafana/check.sh [FOLDER]     FOLDER is for the packages (default: a temporary one)
# Needs npm. Grafana itself is not run: no package brings it.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
work=${1:-$(mktemp -d)}
mkdir -p "$work"
cd "$work"
[ -d node_modules/@grafana/schema ] || npm install --silent --no-audit --no-fund @grafana/schema@13.2.3 typescript@5 >/dev/null
cat >broken.ts <<'TS'
import type { Dashboard } from '@grafana/schema';
// The check itself is checked: this must not pass.
export const broken: Dashboard = { title: 5, schemaVersion: 42, panels: [] };
TS
options=(--noEmit --skipLibCheck --strict --module nodenext --moduleResolution nodenext)
if npx --no-install tsc "${options[@]}" broken.ts >/dev/null; then echo "a broken dashboard passes: the check is worth nothing" >&2; exit 1; fi
rm broken.ts
for file in "$here"/dashboards/*.json; do
    name=$(basename "$file" .json)
    # JSON has only the written form of an enumeration; TypeScript wants its name.
    {
        echo "import { type Dashboard, ThresholdsMode } from '@grafana/schema';"
        printf 'export const board: Dashboard = '
        sed 's/"mode": "absolute"/"mode": ThresholdsMode.Absolute/' "$file"
        echo ';'
    } >"$name.ts"
done
npx --no-install tsc "${options[@]}" ./*.ts
echo "$(ls "$here"/dashboards/*.json | wc -l) dashboards have Grafana's types"
