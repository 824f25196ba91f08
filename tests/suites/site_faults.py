#!/usr/bin/env python3
"""The roles on Apache Kafka and the embedded engine while what they stand on breaks: the broker is killed and paused, ClickHouse refuses, is
cut off and slow, posts are poisonous, rules and models are broken.

    site_faults.py servers   the broker killed and paused, the database refusing, cut and slow, at random moments, each STREIFE_FAULT_TIMES
                             times, in one run; the books must balance in the end
    site_faults.py input     a poison post among good ones, a broken and an empty rule set, a broken model

What must hold is counted by others than the pipeline (kafka_roles.py). Environment: STREIFE_FAULT_POSTS (20000), STREIFE_FAULT_TIMES (10), STREIFE_BIN.
The last line is one that `tests/run` counts.
"""
import collections
import http.client
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

os.environ.setdefault("STREIFE_FAULT_POSTS", "20000")
import kafka_roles  # noqa: E402  (reads its environment when it is loaded)
from kafka_roles import ROOT, SEED, Input, Site  # noqa: E402

TIMES = int(os.environ.get("STREIFE_FAULT_TIMES", "10"))
LONGEST_RECOVERY = 120


class Gate(http.server.ThreadingHTTPServer):
    """Stands before the engine and lets through, refuses, cuts or delays."""

    daemon_threads = True

    def __init__(self, engine_port):
        self.mode, self.engine_port = "pass", engine_port
        super().__init__(("127.0.0.1", 0), GateHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class GateHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def forward(self):
        body = self.body()
        mode = self.server.mode
        if mode == "cut":
            self.close_connection = True
            return
        if mode == "refuse":
            message = b"Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)"
            self.send_response(503)
            self.send_header("Content-Length", str(len(message)))
            self.end_headers()
            self.wfile.write(message)
            return
        if mode == "slow":
            time.sleep(random.uniform(0.5, 2))
        connection = http.client.HTTPConnection("127.0.0.1", self.server.engine_port, timeout=120)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("transfer-encoding", "content-length", "host", "connection")}
        connection.request(self.command, self.path, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        # The answer to an insert that took effect is lost: the worst moment for a writer.
        if self.server.mode == "cut":
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = forward


def through_a_gate(site):
    gate = Gate(site.engine_port)
    text = site.config.read_text().replace(f"http://127.0.0.1:{site.engine_port}", f"http://127.0.0.1:{gate.server_address[1]}")
    site.config.write_text(text)
    return gate


def broker_pid(site):
    return int((site.work / "kafka" / "pid").read_text())


def kafka(site, *arguments):
    subprocess.run(["sh", "tests/servers/kafka.sh", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def fault(site, gate, kind, rng):
    """One fault, from its beginning to its end."""
    if kind == "broker killed":
        kafka(site, "kill", str(site.work / "kafka"))
        time.sleep(rng.uniform(0.1, 2))
        kafka(site, "start", site.broker.rsplit(":", 1)[1], str(site.work / "kafka"))
    elif kind == "broker paused":
        os.kill(broker_pid(site), signal.SIGSTOP)
        time.sleep(rng.uniform(1, 6))
        os.kill(broker_pid(site), signal.SIGCONT)
    else:
        gate.mode = kind.split()[-1]
        time.sleep(rng.uniform(0.5, 4))
        gate.mode = "pass"


def servers(site):
    gate = through_a_gate(site)
    invented = Input(kafka_roles.POSTS)
    path = site.work / "posts" / "posts.jsonl"
    path.write_text("")
    for name in ("score", "store"):
        site.role(name)
    kinds = ["broker killed", "broker paused", "database refuse", "database cut", "database slow"] * TIMES
    rng = random.Random(SEED)
    rng.shuffle(kinds)
    share = max(1, len(invented.lines) // len(kinds))
    recoveries, restarts = collections.defaultdict(list), collections.Counter()
    followed = threading.Event()

    def collect():
        # A replay ends at the end of its file and goes on at its cursor when started again.
        while not followed.is_set():
            site.role("collect").wait()
            time.sleep(0.2)

    collector = threading.Thread(target=collect, daemon=True)
    collector.start()

    def keep():
        while not followed.is_set():
            for name in ("score", "store"):
                if site.processes[name].poll() is not None and not followed.is_set():
                    restarts[name] += 1
                    site.role(name)
            time.sleep(0.2)

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    given = 0
    for number, kind in enumerate(kinds):
        until = len(invented.lines) if number == len(kinds) - 1 else given + share
        with open(path, "a") as out:
            out.write("\n".join(invented.lines[given:until]) + "\n")
        before, given = site.outcomes(), until
        time.sleep(rng.uniform(0, 1.5))
        fault(site, gate, kind, rng)
        mended = time.monotonic()
        # Recovered: outcomes grow again, or all that was given is there.
        site.wait(lambda: site.outcomes() > before or site.outcomes() >= given, LONGEST_RECOVERY, f"recovery from: {kind}")
        recoveries[kind].append(time.monotonic() - mended)
    site.wait(lambda: site.raw_records() >= len(invented.lines), LONGEST_RECOVERY, "collecting")
    followed.set()
    collector.join()
    keeper.join()
    accepted = site.raw_records()
    site.wait(lambda: site.outcomes() >= accepted, LONGEST_RECOVERY, "outcomes of everything")
    time.sleep(2)
    for kind, seconds in sorted(recoveries.items()):
        print(f"{kind}: {len(seconds)} times, working again after at most {max(seconds):.1f} s, median {sorted(seconds)[len(seconds) // 2]:.1f} s")
    print(f"roles that ended and were started again: {dict(restarts)}")
    site.books(invented, accepted)


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


def main():
    mode = {"servers": servers, "input": inputs}[sys.argv[1]]
    work = pathlib.Path(tempfile.mkdtemp(prefix="streife-faults-"))
    site = None
    try:
        site = Site(work)
        mode(site)
        print("test result: ok. 1 passed; 0 failed; 0 ignored")
    except BaseException:
        for log in sorted(work.glob("*.log")):
            print(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:]))
        print("test result: FAILED. 0 passed; 1 failed; 0 ignored")
        raise
    finally:
        if site:
            site.end()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
