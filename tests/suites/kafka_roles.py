#!/usr/bin/env python3
"""The roles as processes of their own on Apache Kafka and the embedded engine, under faults.

    kafka_roles.py kills   every role is killed with SIGKILL ten times, at random moments, in one run
    kafka_roles.py stall   the engine stands still for a minute while posts go on arriving, then a burst of ten times the rate

What must hold is counted by others than the pipeline: the invented input, Kafka's own offsets, the engine's tables.
Environment: STREIFE_FAULT_POSTS (200000), STREIFE_FAULT_KILLS (10 of each role), STREIFE_BIN (target/release/streife).
The last line is one that `tests/run` counts.
"""
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTS = int(os.environ.get("STREIFE_FAULT_POSTS", "200000"))
KILLS = int(os.environ.get("STREIFE_FAULT_KILLS", "10"))
SEED = int(os.environ.get("STREIFE_FAULT_SEED", "7"))
PASSWORD = "roles-under-faults"
WORDS = "haus garten zug morgen abend stadt wetter regen sonne markt brot salz wasser wiese vogel baum weg platz".split()
RULE = "w-111-hang"
BROKEN_EVERY, FLAGGED_EVERY, REPEATED_EVERY = 97, 40, 50


def binary():
    path = os.environ.get("STREIFE_BIN")
    if path:
        return path
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--release", "--bin", "streife"], cwd=ROOT, check=True)
    return f"{target}/release/streife"


def free_ports(count):
    """Free ports whose successor is free too (the broker takes two)."""
    found = []
    while len(found) < count:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        with socket.socket() as two:
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
        if all(abs(port - other) > 1 for other in found):
            found.append(port)
    return found


def line_of(rng, number):
    """One line of the input: broken, a repetition of the line before, to be flagged, or plain."""
    if number % BROKEN_EVERY == 5:
        return "{broken %d" % number
    text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 30)))
    if number % FLAGGED_EVERY == 3:
        text = "Stellt sie alle an die Wand " + text
    return json.dumps({"id": f"p{number}", "text": f"{text} {number}", "source": "sim"})


class Input:
    """The invented posts, and what must become of them, told by nobody but this class."""

    def __init__(self, count):
        self.rng, self.before = random.Random(SEED), None
        self.lines, self.good, self.flagged, self.broken = [], 0, 0, 0
        self.more(count)

    def more(self, count):
        """Invents `count` lines more and returns them."""
        start = len(self.lines)
        for number in range(start, start + count):
            if number % REPEATED_EVERY == 9 and self.before:
                self.lines.append(self.before)
                continue
            line = line_of(self.rng, number)
            if line.startswith("{broken"):
                self.broken += 1
                self.before = None
            else:
                self.good += 1
                self.flagged += '"text": "Stellt' in line
                self.before = line
            self.lines.append(line)
        return self.lines[start:]


class Site:
    """Broker, engine and roles. `address` is where the broker is reached, `before` stands before the command of each role: with
    both the roles can live in a network of their own."""

    def __init__(self, work, address="127.0.0.1", before=()):
        self.work, self.streife, self.before = work, binary(), list(before)
        kafka, engine, self.metrics_score, self.metrics_store = free_ports(4)
        self.broker, self.engine_port = f"{address}:{kafka}", engine
        self.processes, self.lock = {}, threading.Lock()
        self.stopping = False
        self.env = dict(os.environ, STREIFE_HOME=str(ROOT), STREIFE_ENGINE_PASSWORD=PASSWORD, STREIFE__SCORING__ENCODE="none")
        self.kafka("start")
        self.start_engine()
        self.config = work / "site.toml"
        self.config.write_text(f"""
[paths]
data = "{work}/data"
[log]
kind = "kafka"
[kafka]
brokers = ["{self.broker}"]
[kafka.properties]
"session.timeout.ms" = "3000"
"heartbeat.interval.ms" = "500"
[clickhouse]
url = "http://127.0.0.1:{engine}"
password = {{ env = "STREIFE_ENGINE_PASSWORD" }}
[[source]]
name = "replay"
kind = "archive"
[source.settings]
path = "{work}/posts"
""")
        (work / "posts").mkdir()
        subprocess.run([self.streife, "migrate", "--config", str(self.config)], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def kafka(self, what):
        """`start`, `stop` or `kill`."""
        address, port = self.broker.split(":")
        arguments = [what, port, str(self.work / "kafka")] if what == "start" else [what, str(self.work / "kafka")]
        env = dict(os.environ, STREIFE_KAFKA_ADDRESS=address)
        subprocess.run(["sh", "tests/servers/kafka.sh", *arguments], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)

    def start_engine(self):
        self.engine = self.start("engine", ["engine", "--data", str(self.work / "clickhouse"), "--listen", f"127.0.0.1:{self.engine_port}"])
        self.wait(lambda: self.query("SELECT 1") == "1", 120, "the engine")

    def start(self, name, arguments, env=None, before=()):
        log = open(self.work / f"{name}.log", "ab")
        process = subprocess.Popen([*before, self.streife, *arguments], env=env or self.env, stdout=log, stderr=log, cwd=self.work)
        self.processes[name] = process
        return process

    def role(self, name):
        metrics = {"score": self.metrics_score, "store": self.metrics_store}.get(name)
        env = dict(self.env, STREIFE__METRICS__LISTEN=f"127.0.0.1:{metrics}") if metrics else None
        return self.start(name, [name, "--config", str(self.config)], env, self.before)

    def query(self, sql):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.engine_port}/?database=streife", data=sql.encode(),
            headers={"X-ClickHouse-User": "streife", "X-ClickHouse-Key": PASSWORD})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode().strip()
        except OSError:
            return None

    def wait(self, condition, seconds, what, every=0.2):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise AssertionError(f"{what}: not within {seconds} s")
            time.sleep(every)

    def raw_records(self):
        """How many records posts.raw holds, by Kafka's own tool."""
        libs = os.environ.get("STREIFE_KAFKA_LIBS", os.path.expanduser("~/.cache/streife/test-servers/kafka"))
        out = subprocess.run(
            ["java", "-cp", f"{libs}/*", "org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", self.broker, "--topic", "posts.raw"],
            check=True, capture_output=True, text=True).stdout
        return sum(int(line.rsplit(":", 1)[1]) for line in out.split())

    def outcomes(self):
        answer = self.query("SELECT uniqExact(partition, offset) FROM outcomes")
        return int(answer) if answer else -1

    def resident_megabytes(self, name):
        try:
            status = pathlib.Path(f"/proc/{self.processes[name].pid}/status").read_text()
        except OSError:
            return 0.0
        return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)

    def end(self):
        self.stopping = True
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        self.kafka("stop")

    def flagged_offline(self, invented):
        """How many posts `scan` flags of the same lines, without any log or store: the models flag some besides the rule."""
        lines = "\n".join(dict.fromkeys(invented.lines)) + "\n"
        out = subprocess.run([self.streife, "scan", "--encode", "none"], input=lines, capture_output=True, text=True, env=self.env).stdout
        return sum(json.loads(line).get("priority", "none") != "none" for line in out.splitlines())

    def books(self, invented, accepted):
        """The invariants, each told with its figures."""
        outcomes = collections.Counter()
        for line in self.query("SELECT outcome, reason, uniqExact(partition, offset) FROM outcomes GROUP BY outcome, reason FORMAT TSV").splitlines():
            outcome, reason, count = line.split("\t")
            outcomes[outcome] += int(count)
        stored_posts = int(self.query("SELECT uniqExact(post_id) FROM recent_posts"))
        rows, flagged, by_rule = map(int, self.query(
            f"SELECT count(), uniqExact(post_id), countIf(has(rules, '{RULE}')) FROM flagged FORMAT TSV").split())
        offline = self.flagged_offline(invented)
        print(f"accepted {accepted} = {dict(outcomes)}; {stored_posts} posts of {invented.good}; "
              f"flagged {flagged} of {offline} ({by_rule} of {invented.flagged} by the rule), {rows} rows")
        assert accepted >= len(invented.lines), "records are missing in the log"
        assert sum(outcomes.values()) == accepted, "accepted = stored + dropped + dead does not hold"
        assert outcomes["dead"] >= invented.broken, "broken lines are missing"
        assert stored_posts == invented.good, "posts are missing in the store"
        assert by_rule == invented.flagged, "the flagged view is not what was put in"
        assert rows == flagged == offline, "the flagged view is not what `scan` flags"


def kills(site):
    invented = Input(POSTS)
    (site.work / "posts" / "posts.jsonl").write_text("\n".join(invented.lines) + "\n")
    roles = ("collect", "score", "store")
    done, hit = threading.Event(), collections.Counter()
    for name in roles:
        site.role(name)

    def keep(name):
        rng = random.Random(f"{SEED}{name}")
        while not done.is_set():
            # Collecting is fast: its kills must come fast to come in the middle.
            if hit[name] < KILLS and not done.wait(rng.uniform(0.1, 0.9) if name == "collect" else rng.uniform(0.3, 4.0)):
                process = site.processes[name]
                if process.poll() is None:
                    process.kill()
                    process.wait()
                    hit[name] += 1
                elif name == "collect" and process.returncode == 0:
                    return
                site.role(name)
            else:
                # Killed often enough: only kept alive from here on.
                if site.processes[name].poll() not in (None, 0):
                    site.role(name)
                if site.processes[name].poll() == 0:
                    return
                time.sleep(0.2)

    keepers = [threading.Thread(target=keep, args=(name,)) for name in roles]
    started = time.monotonic()
    for keeper in keepers:
        keeper.start()
    keepers[0].join()
    assert site.processes["collect"].wait() == 0, "collect did not end well"
    accepted = site.raw_records()
    site.wait(lambda: site.outcomes() >= accepted and hit["score"] >= KILLS and hit["store"] >= KILLS, 600, f"{accepted} outcomes (now {site.outcomes()}, kills {dict(hit)})")
    done.set()
    for keeper in keepers:
        keeper.join()
    time.sleep(2)
    print(f"killed with SIGKILL: {dict(hit)}; {time.monotonic() - started:.0f} s in all")
    site.books(invented, accepted)
    assert all(hit[name] >= min(KILLS, 3) for name in roles), f"too few kills: {dict(hit)}"


def stall(site):
    """Posts arrive by files put into the folder of the source; the engine is stopped by SIGSTOP."""
    rate, stalled, burst_secs = 500, 60, 30
    total = rate * (20 + stalled + 20) + rate * 10 * burst_secs
    invented = Input(total)
    for name in ("score", "store"):
        site.role(name)
    peak, samples, watching = collections.Counter(), collections.defaultdict(list), threading.Event()

    def watch():
        while not watching.wait(0.5):
            for name in ("score", "store"):
                megabytes = site.resident_megabytes(name)
                peak[name] = max(peak[name], megabytes)
                samples[name].append(round(megabytes))

    threading.Thread(target=watch, daemon=True).start()
    given = 0

    def give(count, seconds):
        """`count` lines in `seconds`: one file a second, put whole into the folder that `collect` reads."""
        nonlocal given
        each = count // seconds
        started = time.monotonic()
        for second in range(seconds):
            part = site.work / "part"
            part.write_text("\n".join(invented.lines[given:given + each]) + "\n")
            part.rename(site.work / "posts" / f"{given:09}.jsonl")
            given += each
            time.sleep(max(0.0, started + second + 1 - time.monotonic()))

    follow = threading.Event()

    def collect():
        # A replay ends at the last file and goes on at its cursor when started again.
        while not follow.is_set():
            site.role("collect").wait()
            time.sleep(0.5)

    collector = threading.Thread(target=collect, daemon=True)
    collector.start()
    give(rate * 20, 20)
    calm = dict(peak)
    site.engine.send_signal(signal.SIGSTOP)
    give(rate * stalled, stalled)
    during = dict(peak)
    site.engine.send_signal(signal.SIGCONT)
    resumed = time.monotonic()
    site.wait(lambda: site.outcomes() >= given * 0.99, 120, "catching up after the stall")
    print(f"caught up {time.monotonic() - resumed:.1f} s after the engine went on")
    give(rate * 20, 20)
    give(rate * 10 * burst_secs, burst_secs)
    ended = time.monotonic()
    site.wait(lambda: site.raw_records() >= len(invented.lines), 300, "collecting the burst", every=5)
    accepted = site.raw_records()
    site.wait(lambda: site.outcomes() >= accepted, 120, "catching up after the burst")
    print(f"caught up {time.monotonic() - ended:.1f} s after the burst of {rate * 10}/s for {burst_secs} s")
    follow.set()
    collector.join()
    watching.set()
    time.sleep(2)
    for name in ("score", "store"):
        print(f"{name}: resident at most {calm[name]:.0f} MB before, {during[name]:.0f} MB in the stall, {peak[name]:.0f} MB in all")
    site.books(invented, site.raw_records())
    assert all(peak[name] < 300 for name in ("score", "store")), "a worker without encoder takes more than 300 MB"


def on_a_site(name, work_on):
    """Runs `work_on` over a new site in a folder of its own, and prints the line that `tests/run` counts; the ends of all logs when it fails."""
    work = pathlib.Path(tempfile.mkdtemp(prefix=f"streife-{name}-"))
    site = None
    try:
        site = Site(work)
        work_on(site)
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
    on_a_site("roles", {"kills": kills, "stall": stall}[sys.argv[1]])
