#!/usr/bin/env python3
"""The roles on Apache Kafka and the embedded engine while what they are given is broken: a poison post among good ones, a broken and an
empty rule set, a broken model. Broken servers: fault_matrix.py.

What must hold is counted by others than the pipeline (kafka_roles.py). Environment: STREIFE_FAULT_TIMES (10), STREIFE_BIN.
The last line is one that `tests/run` counts.
"""
import json
import os
import random
import shutil
import time

from kafka_roles import ROOT, SEED, Input, Site, on_a_site

TIMES = int(os.environ.get("STREIFE_FAULT_TIMES", "10"))


def poison():
    """Lines that no parser likes, none of which may stop anything."""
    deep = "[" * 5_000 + "]" * 5_000
    return [
        b'{"id": "x1", "text": "' + b"A" * 3_000_000 + b'", "source": "sim"}',
        b'{"id": "x2", "text": "\xff\xfe\x00 not utf-8", "source": "sim"}',
        b'{"id": "x3", "text": ' + deep.encode() + b"}",
        b'{"id": "x4", "text": null}',
        b'{"id": 5, "text": "number as id", "posted_at": "9999999-99-99"}',
        b'{"id": "x6", "text": "' + b"\\u0000\\ud800" * 50 + b'"}',
        b'{"id": "x7", "text": "' + "\u202e\u0301".encode() * 20_000 + b'"}',
        b'{"id": "", "text": ""}',
        b"\x00" * 1_000,
        b'{"id": "x8", "text": "' + b"a." * 100_000 + b'"}',
    ]


def run_to_end(site, name, limit):
    return site.start(name, [name, "--config", str(site.config)]).wait(timeout=limit)


def inputs(site):
    rules, models = site.work / "rules", site.work / "models"
    shutil.copytree(ROOT / "config/rules", rules)
    text = site.config.read_text()
    site.config.write_text(text.replace("[paths]\n", f'[paths]\nrules = "{rules}"\n'))
    invented = Input(2_000)
    good = [line.encode() for line in invented.lines]
    rng = random.Random(SEED)
    bad = poison() * max(1, TIMES // 2)
    mixed = list(good)
    for line in bad:
        mixed.insert(rng.randrange(len(mixed)), line)
    (site.work / "posts" / "1.jsonl").write_bytes(b"\n".join(mixed) + b"\n")
    for name in ("score", "store"):
        site.role(name)

    def rounds():
        assert site.role("collect").wait(timeout=120) == 0, "collect did not end well"
        accepted = site.raw_records()
        site.wait(lambda: site.outcomes() >= accepted, 120, "outcomes of everything")
        for name in ("score", "store"):
            assert site.processes[name].poll() is None, f"{name} ended"
        return accepted

    accepted = rounds()
    assert accepted >= len(mixed), f"{accepted} of {len(mixed)} lines are in the log"
    flagged = int(site.query("SELECT uniqExact(post_id) FROM flagged"))
    assert flagged >= invented.flagged, (flagged, invented.flagged)
    print(f"{len(bad)} poisonous lines among {len(good)}: every line has an outcome, no role ended, {flagged} flagged")

    # A broken rule beside good ones: it is left out, the others go on finding.
    before = flagged
    (rules / "zz-broken.yaml").write_text("id: [broken\n  - {")
    time.sleep(2)
    (site.work / "posts" / "2.jsonl").write_text("".join(json.dumps({"id": f"r{n}", "text": f"Stellt sie alle an die Wand heute {n}", "source": "sim"}) + "\n" for n in range(20)))
    rounds()
    after = int(site.query("SELECT uniqExact(post_id) FROM flagged"))
    assert after == before + 20, f"with a broken rule beside it, {after - before} of 20 were flagged"
    print("a broken rule set: the rules that are not broken went on")

    # No rules at all, for a while: nothing stops; when they are back, they find again.
    shutil.move(rules, site.work / "rules-away")
    rules.mkdir()
    time.sleep(2)
    (site.work / "posts" / "3.jsonl").write_text("".join(json.dumps({"id": f"n{n}", "text": f"Regen am Morgen {n}", "source": "sim"}) + "\n" for n in range(20)))
    rounds()
    shutil.rmtree(rules)
    shutil.move(site.work / "rules-away", rules)
    time.sleep(2)
    (site.work / "posts" / "4.jsonl").write_text("".join(json.dumps({"id": f"b{n}", "text": f"Stellt sie alle an die Wand morgen {n}", "source": "sim"}) + "\n" for n in range(20)))
    rounds()
    assert int(site.query("SELECT uniqExact(post_id) FROM flagged")) == after + 20, "the rules did not come back"
    print("an empty rule set and its return: nothing stopped, rules find again")

    # A broken model: the worker does not start, says which file, and takes no record.
    shutil.copytree(ROOT / "models", models, ignore=shutil.ignore_patterns("train", "*.py"))
    weights = max((path for path in models.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    with open(weights, "r+b") as file:
        file.seek(weights.stat().st_size // 2)
        file.write(b"\x00broken\x00")
    site.processes["score"].terminate()
    site.processes["score"].wait(timeout=60)
    healthy = site.config.read_text()
    site.config.write_text(healthy.replace("[paths]\n", f'[paths]\nmodels = "{models}"\n'))
    site.env["STREIFE__SCORING__ENCODE"] = "gated"
    code = run_to_end(site, "score", 120)
    told = (site.work / "score.log").read_text(errors="replace").splitlines()[-1]
    assert code == 3, f"a broken model ended with {code}: {told}"
    site.config.write_text(healthy)
    site.env["STREIFE__SCORING__ENCODE"] = "none"
    site.role("score")
    rounds()
    print("a broken model: refused at the start with exit code 3, nothing scored by it")


if __name__ == "__main__":
    on_a_site("faults", inputs)
