#!/usr/bin/env python3
"""Erasure while posts arrive, on Apache Kafka, the engine and the roles as processes; then everything that might bring an erased post back.

    erasure.py    flagged posts whose purpose is over are erased by `streife retention run` while 500 posts a second come in: at least ten
                  times as fast as they come. Then the engine is killed, its tables are merged, and the log delivers everything once more:
                  none of the erased posts is anywhere, the others all are.

Environment: STREIFE_ERASURE_POSTS (50000), STREIFE_BIN. The last line is one that `tests/run` counts.
"""
import json
import os
import subprocess
import threading
import time

from kafka_roles import Input, Site, on_a_site

POSTS = int(os.environ.get("STREIFE_ERASURE_POSTS", "50000"))
RATE = 500
TIMES_THE_RATE = 10
TABLES = ("flagged_posts", "flagged_identities", "hits", "scores", "recent_posts", "post_changes")


def due_posts(count):
    """Posts of the configured source, which has a purpose; all of them are flagged by one rule."""
    return [json.dumps({"id": f"due{n}", "text": f"Stellt sie alle an die Wand, Nummer {n} {n * 7919 % 100003}"}) for n in range(count)]


class Ingest:
    """Posts of a source without purpose, `RATE` a second."""

    def __init__(self, site):
        self.site, self.invented, self.stop = site, Input(0), threading.Event()
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self.feed, self.collect)]
        for thread in self.threads:
            thread.start()

    def feed(self):
        number = 0
        while not self.stop.wait(1):
            part = self.site.work / "part"
            part.write_text("\n".join(self.invented.more(RATE)) + "\n")
            part.rename(self.site.work / "posts" / f"later-{number:06}.jsonl")
            number += 1

    def collect(self):
        while not self.stop.is_set():
            self.site.role("collect").wait()
            time.sleep(0.3)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert self.site.role("collect").wait(timeout=120) == 0


def count(site, table, where):
    return int(site.query(f"SELECT count() FROM {table} WHERE {where}"))


def nowhere(site, when):
    """None of the erased posts has a row that is read, in any table."""
    for table in TABLES:
        left = count(site, table, "post_id IN (SELECT post_id FROM due_posts)")
        assert left == 0, f"{left} rows of erased posts in {table} {when}"
    print(f"{when}: none of the {POSTS} erased posts is in any table", flush=True)


def deliver_everything_again(site):
    """The store's group begins at the start of the log: the same as a restored backup of the broker, or a lost consumer group."""
    site.processes["store"].terminate()
    site.processes["store"].wait(timeout=60)
    libs = os.environ.get("STREIFE_KAFKA_LIBS", os.path.expanduser("~/.cache/streife/test-servers/kafka"))
    command = ["java", "-cp", f"{libs}/*", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", site.broker,
               "--group", "streife-store", "--reset-offsets", "--to-earliest", "--all-topics", "--execute"]
    for _ in range(20):
        out = subprocess.run(command, capture_output=True, text=True)
        if out.returncode == 0 and "Error" not in out.stdout + out.stderr:
            break
        time.sleep(2)
    else:
        raise AssertionError(f"the group's offsets were not set back: {out.stdout} {out.stderr}")
    before = int(site.query("SELECT count() FROM outcomes") or 0)
    site.role("store")
    return before


def group_is_at_the_end(site):
    libs = os.environ.get("STREIFE_KAFKA_LIBS", os.path.expanduser("~/.cache/streife/test-servers/kafka"))
    out = subprocess.run(["java", "-cp", f"{libs}/*", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", site.broker,
                          "--group", "streife-store", "--describe"], capture_output=True, text=True).stdout
    lags = [line.split()[5] for line in out.splitlines() if "posts." in line]
    return bool(lags) and all(lag in ("0", "-") for lag in lags)


def run(site):
    text = site.config.read_text()
    site.config.write_text(text.replace('kind = "archive"\n', 'kind = "archive"\nlegal = { purpose = "prosecution", legal_basis = "test", review_by = "2099-01-31" }\n')
                           + "[retention.days_by_purpose]\nprosecution = 0\n")
    (site.work / "posts" / "a-due.jsonl").write_text("\n".join(due_posts(POSTS)) + "\n")
    for name in ("score", "store"):
        site.role(name)
    assert site.role("collect").wait(timeout=300) == 0, "collect did not end well"
    of_purpose = "SELECT uniqExact(post_id) FROM flagged WHERE purpose = 'prosecution'"
    site.wait(lambda: int(site.query(of_purpose) or 0) >= POSTS, 300, "all due posts in the flagged view", every=1)
    site.query("CREATE TABLE due_posts (post_id UInt128) ENGINE = MergeTree ORDER BY post_id")
    site.query("INSERT INTO due_posts SELECT DISTINCT post_id FROM flagged WHERE purpose = 'prosecution'")
    time.sleep(2)

    ingest = Ingest(site)
    time.sleep(5)
    started, given = time.monotonic(), len(ingest.invented.lines)
    out = subprocess.run([site.streife, "retention", "run", "--config", str(site.config), "--json"], env=site.env, capture_output=True, text=True)
    seconds = time.monotonic() - started
    assert out.returncode == 0, out.stderr[-2000:]
    came = (len(ingest.invented.lines) - given) / seconds
    certificate = json.loads(out.stdout.splitlines()[-1])
    erased = sum(entry["erased"] for entry in certificate["counts"] if entry["what"] == "store" and entry["purpose"] == "prosecution")
    print(f"{erased} posts erased in {seconds:.1f} s = {erased / seconds:.0f}/s, while {came:.0f} posts/s came in (load average {os.getloadavg()[0]:.1f})", flush=True)
    assert erased == POSTS, f"{erased} of {POSTS} erased"
    nowhere(site, "after the run")

    site.engine.kill()
    site.engine.wait()
    time.sleep(1)
    site.start_engine()
    nowhere(site, "after the engine was killed and started again")

    before = deliver_everything_again(site)
    site.wait(lambda: group_is_at_the_end(site), 300, "the log delivered once more", every=3)
    nowhere(site, "after the log delivered everything again")
    for table in TABLES:
        site.query(f"OPTIMIZE TABLE {table} FINAL")
    nowhere(site, "after merging")

    ingest.end()
    accepted = site.raw_records()
    site.wait(lambda: site.outcomes() >= accepted, 300, "outcomes of everything", every=1)
    time.sleep(2)
    stored = int(site.query("SELECT uniqExact(post_id) FROM recent_posts"))
    flagged = int(site.query("SELECT uniqExact(post_id) FROM flagged"))
    nowhere(site, "at the end")
    print(f"of the others: {stored} of {ingest.invented.good} posts stored, {flagged} flagged of {site.flagged_offline(ingest.invented)}; {before} outcomes before the second delivery")
    assert stored == ingest.invented.good and flagged == site.flagged_offline(ingest.invented), "posts that were not erased are missing"
    assert erased / seconds >= TIMES_THE_RATE * RATE, f"slower than {TIMES_THE_RATE} times {RATE}/s"


if __name__ == "__main__":
    on_a_site("erasure", run)
