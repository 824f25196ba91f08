#!/usr/bin/env python3
"""Asks a running site every question of the dashboards: dashboards.py PROMETHEUS CLICKHOUSE PASSWORD_FILE.

No query may fail, and each dashboard shows something on a site that has read the sample, unless it is named here with the reason. Prints one line for
each dashboard with the panels that were empty, for people to judge; exit code 1 when something is wrong.
"""
import json
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Dashboards that a healthy small site leaves empty, and why.
MAY_BE_EMPTY = {"erasure": "nothing was erased and nothing delivered again"}


def expand(text):
    """As Grafana and the ClickHouse data source expand it, for the last day."""
    text = re.sub(r"\$__timeFilter\(([^)]*)\)", r"\1 >= toDateTime(now() - 86400) AND \1 <= toDateTime(now() + 86400)", text)
    while (start := text.find("$__conditionalAll(")) >= 0:
        depth, end = 0, start
        for end in range(start, len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if text[end] == ")" and depth == 0:
                break
        text = text[:start] + "1" + text[end + 1:]
    for name, value in (("$__rate_interval", "5m"), ("$__interval_s", "60"), ("$__interval", "1m"), ("$__range_s", "3600"), ("$__range", "1h")):
        text = text.replace(name, value)
    return text


def ask(url, data=None, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers or {}), timeout=60) as answer:
            return json.load(answer), None
    except urllib.error.HTTPError as error:
        return None, error.read().decode(errors="replace")[:200]


def prometheus(address, expression):
    answer, error = ask(f"{address}/api/v1/query?" + urllib.parse.urlencode({"query": expand(expression)}))
    return (error, 0) if error else (None, len(answer["data"]["result"]))


def clickhouse(address, password, sql):
    headers = {"X-ClickHouse-User": "streife", "X-ClickHouse-Key": password}
    answer, error = ask(f"{address}/?database=streife", f"{expand(sql)} FORMAT JSONCompact".encode(), headers)
    return (error, 0) if error else (None, len(answer["data"]))


def main(prometheus_at, clickhouse_at, password_file):
    password = pathlib.Path(password_file).read_text().strip()
    wrong = 0
    for path in sorted((ROOT / "grafana/dashboards").glob("*.json")):
        full, empty = 0, []
        for panel in json.loads(path.read_text())["panels"]:
            found = 0
            for target in panel.get("targets", []):
                if "rawSql" in target:
                    error, rows = clickhouse(clickhouse_at, password, target["rawSql"])
                else:
                    error, rows = prometheus(prometheus_at, target["expr"])
                if error:
                    wrong += 1
                    print(f"FAIL {path.stem}: {panel['title']}: {error}")
                found += rows
            if panel.get("targets"):
                full += found > 0
                if not found:
                    empty.append(panel["title"])
        if not full and path.stem not in MAY_BE_EMPTY:
            wrong += 1
            print(f"FAIL {path.stem}: every panel is empty")
        print(f"{path.stem}: {full} panels show something" + (f"; empty: {', '.join(empty)}" if empty else ""))
    sys.exit(wrong > 0)


main(*sys.argv[1:4])
