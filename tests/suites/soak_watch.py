#!/usr/bin/env python3
"""Watches a site under load: soak_watch.py FOLDER LOAD_PID. Samples memory and lag of the roles every two seconds until the load ended and
everything is stored, then judges. Prints one line of figures and the suite's last line. STREIFE_SOAK_SAMPLES: a file that all samples are
written to."""

import json
import os
import pathlib
import re
import sys
import time
import urllib.request

FLAT = 0.05  # memory may differ by so much
BACK_WITHIN = 60  # seconds after a burst until the lag is normal
NORMAL_LAG_SECONDS = 2  # a lag of so many seconds of load is normal, or what nine of ten samples before the first burst showed
DRAIN_SECONDS = 600


def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def sum_of(text, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(name + r"[ {]", line))


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def query(site, log, sql):
    url = re.search(r"ClickHouse\s+(http\S+)", log).group(1)
    password = (site / "clickhouse_password").read_text()
    request = urllib.request.Request(f"{url}/?database=streife", data=sql.encode(), headers={"X-ClickHouse-User": "streife", "X-ClickHouse-Key": password})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read().decode()


def main(work, load):
    work = pathlib.Path(work)
    site = work / "site"
    log = (work / "site.log").read_text()
    roles = {role: re.search(rf"{role}\s+(http\S+)", log).group(1) for role in ("score", "store")}
    samples, ended, started = [], None, time.time()
    while True:
        sample = {"at": time.time(), "memory": {}, "lag": 0.0, "out": 0.0, "load": os.getloadavg()[0]}
        for role, url in roles.items():
            text = fetch(url)
            sample["memory"][role] = sum_of(text, "streife_process_resident_bytes")
            sample["lag"] += sum_of(text, "streife_log_lag_records")
            sample["out"] += sum_of(text, "streife_score_out_records_total")
        samples.append(sample)
        if path := os.environ.get("STREIFE_SOAK_SAMPLES"):
            with open(path, "a") as out:
                out.write(json.dumps(sample) + "\n")
        if ended is None and not alive(int(load)):
            ended = time.time()
        if ended and (work / "load.json").stat().st_size:
            written = json.loads((work / "load.json").read_text())["written"]
            stored = int(query(site, log, "SELECT uniqExact(partition, offset) FROM outcomes"))
            if stored >= written or time.time() - ended > DRAIN_SECONDS:
                break
        time.sleep(2)
    told = json.loads((work / "load.json").read_text())
    rows = query(site, log, "SELECT outcome, uniqExact(partition, offset) FROM outcomes GROUP BY outcome ORDER BY outcome FORMAT JSONCompact")
    outcomes = {name: int(count) for name, count in json.loads(rows)["data"]}
    whole = samples[-1]["at"] - started
    early = [s for s in samples if 0.1 * whole <= s["at"] - started <= 0.3 * whole]
    late = [s for s in samples if s["at"] - started >= 0.8 * whole]
    memory, flat = {}, True
    for role in ("score", "store"):
        middle = lambda part: sorted(s["memory"][role] for s in part if role in s["memory"])[len([s for s in part if role in s["memory"]]) // 2]
        before, after = middle(early), middle(late)
        memory[role] = {"early_mb": round(before / 1e6), "late_mb": round(after / 1e6)}
        flat &= after <= before * (1 + FLAT)
    rate = float(os.environ.get("STREIFE_SOAK_RATE", 500))
    burst_seconds = float(os.environ.get("STREIFE_SOAK_BURST_SECS", 30))
    calm = sorted(s["lag"] for s in samples if not told["bursts"] or s["at"] < told["bursts"][0])
    normal_lag = max(NORMAL_LAG_SECONDS * rate, calm[len(calm) * 9 // 10] if calm else 0)
    recoveries = []
    for burst in told["bursts"]:
        after = [s for s in samples if s["at"] >= burst + burst_seconds]
        back = next((s["at"] for s in after if s["lag"] <= normal_lag), None)
        recoveries.append(round(back - burst - burst_seconds, 1) if back else None)
    lost = told["written"] - sum(outcomes.values())
    quick = all(r is not None and r <= BACK_WITHIN for r in recoveries)
    result = {
        "seconds": round(whole), "written": told["written"], "outcomes": outcomes, "lost": lost, "bursts": len(told["bursts"]), "lag_back_after_seconds": recoveries, "normal_lag": round(normal_lag),
        "highest_lag": round(max(s["lag"] for s in samples)), "memory": memory, "load_late_seconds": told["late_seconds"],
        "load_average": {"median": sorted(s["load"] for s in samples)[len(samples) // 2], "highest": max(s["load"] for s in samples)},
    }
    print(json.dumps(result))
    passed = [lost == 0, flat, quick]
    for name, fine in zip(("nothing lost", "memory flat", "lag back in time"), passed):
        print(("ok   " if fine else "FAIL ") + name)
    state = "ok" if all(passed) else "FAILED"
    print(f"test result: {state}. {sum(passed)} passed; {len(passed) - sum(passed)} failed; 0 ignored")
    sys.exit(0 if all(passed) else 1)


main(*sys.argv[1:3])
