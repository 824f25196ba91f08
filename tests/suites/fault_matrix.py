#!/usr/bin/env python3
"""Everything a site stands on breaks, at random moments, while posts go on arriving: the roles as processes on Apache Kafka and the
embedded engine. In the end the books must balance: accepted = stored + dropped + dead, every post once, the flagged view as `scan` flags.

    fault_matrix.py processes   roles, broker and engine killed with SIGKILL and paused, members joining and leaving the groups
    fault_matrix.py servers     the database refusing, cut off and slow, the broker paused and killed
    fault_matrix.py network     the roles live in a network namespace of their own whose cable is pulled (root)
    fault_matrix.py disk        the engine's disk fills up (root)
    fault_matrix.py clock       the wall clock of the roles jumps
    fault_matrix.py all         one after the other

A fault counts as recovered when every line given before its end has an outcome. Environment: STREIFE_FAULT_TIMES (10 of each kind),
STREIFE_FAULT_KIND (only kinds with these words), STREIFE_FAULT_SEED, STREIFE_BIN, STREIFE_FAULT_WRITE=1 (writes the table into docs/reliability.md). The last line is one that `tests/run` counts.
"""
import collections
import datetime
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
import urllib.request

os.environ.setdefault("STREIFE_FAULT_POSTS", "0")
from fault_servers import Clock, Gate, Network, SmallDisk  # noqa: E402
from kafka_roles import ROOT, SEED, Input, Site, free_ports  # noqa: E402

TIMES = int(os.environ.get("STREIFE_FAULT_TIMES", "10"))
LONGEST_RECOVERY = 180
LINES_A_SECOND = 200
ROLES = ("collect", "score", "store", "desk")
ENGINE_DISK_MEGABYTES = 256


class Running:
    """A site under faults: posts arriving, roles started again when they end, as any supervisor does."""

    def __init__(self, group, work):
        self.work, self.rng, self.done = work, random.Random(f"{SEED}{group}"), threading.Event()
        self.network = Network() if group == "network" else None
        self.disk = SmallDisk(work / "clickhouse", ENGINE_DISK_MEGABYTES) if group == "disk" else None
        self.clock = Clock(work) if group == "clock" else None
        self.site, self.gate, self.given, self.restarts = None, None, 0, collections.Counter()
        self.feeding, self.invented = threading.Event(), Input(0)

    def start(self):
        address = self.network.ours if self.network else "127.0.0.1"
        site = self.site = Site(self.work, address, self.network.before if self.network else ())
        if self.clock:
            site.env.update(self.clock.env)
        self.gate = Gate(site.engine_port, address)
        desk_at = self.network.theirs if self.network else "127.0.0.1"
        self.desk = f"{desk_at}:{free_ports(1)[0]}"
        text = site.config.read_text().replace(f"http://127.0.0.1:{site.engine_port}", f"http://{address}:{self.gate.server_address[1]}")
        site.config.write_text(text + f'[desk]\nlisten = "{self.desk}"\n')
        for name in ROLES[1:]:
            site.role(name)
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self.feed, self.keep)]
        for thread in self.threads:
            thread.start()
        self.recovered("the start")

    def feed(self):
        """Posts come as files, one after the other, into the folder that `collect` reads."""
        while not self.feeding.wait(0.5):
            part = self.work / "part"
            part.write_text("\n".join(self.invented.more(LINES_A_SECOND // 2)) + "\n")
            part.rename(self.work / "posts" / f"{self.given:09}.jsonl")
            self.given = len(self.invented.lines)

    def keep(self):
        """A replay ends at its last file and goes on at its cursor when it is started again; the others should not end at all."""
        while not self.done.wait(0.2):
            for name in ROLES:
                process = self.site.processes.get(name)
                if process is None or process.poll() is not None:
                    if process is not None and process.returncode not in (0, -signal.SIGKILL):
                        self.restarts[name] += 1
                    if not self.done.is_set():
                        self.site.role(name)

    def desk_answers(self):
        try:
            with urllib.request.urlopen(f"http://{self.desk}/healthz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def recovered(self, what):
        """Waits until everything given so far has an outcome and the desk answers."""
        target, started = self.given, time.monotonic()
        self.site.wait(lambda: self.site.outcomes() >= target and self.desk_answers(), LONGEST_RECOVERY, f"recovery from: {what}", every=0.3)
        return time.monotonic() - started

    def finish(self):
        """Stops giving, waits for the rest, balances the books."""
        self.feeding.set()
        self.threads[0].join()
        self.site.wait(lambda: self.site.raw_records() >= len(self.invented.lines), LONGEST_RECOVERY, "collecting", every=3)
        self.recovered("everything")
        self.done.set()
        self.threads[1].join()
        # What collect had in the air at its last start.
        self.site.processes["collect"].wait(timeout=120)
        accepted = self.site.raw_records()
        self.site.wait(lambda: self.site.outcomes() >= accepted, LONGEST_RECOVERY, "outcomes of everything", every=1)
        time.sleep(2)
        self.site.books(self.invented, accepted)
        return accepted

    def end(self):
        self.done.set()
        self.feeding.set()
        if self.site:
            self.site.end()
        for part in (self.network, self.disk):
            if part:
                part.end()

    # The faults, each from its beginning to its end.

    def pause(self, pid, longest):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.rng.uniform(1, longest))
        os.kill(pid, signal.SIGCONT)

    def role_killed(self, name):
        process = self.site.processes[name]
        # Collecting is over quickly: it is met while it works.
        until = time.monotonic() + 10
        while process.poll() is not None and time.monotonic() < until:
            time.sleep(0.02)
            process = self.site.processes[name]
        process.kill()
        process.wait()

    def role_paused(self, name):
        process = self.site.processes[name]
        if process.poll() is None:
            # Longer than the session of a member: the others take its partitions.
            self.pause(process.pid, 8)

    def broker_pid(self):
        return int((self.work / "kafka" / "pid").read_text())

    def broker_killed(self):
        self.site.kafka("kill")
        time.sleep(self.rng.uniform(0.1, 2))
        self.site.kafka("start")

    def broker_paused(self):
        self.pause(self.broker_pid(), 8)

    def broker_taken_for_dead(self):
        """Longer than its session (9 s): for a moment the meta data name no broker at all, which librdkafka must be helped over."""
        os.kill(self.broker_pid(), signal.SIGSTOP)
        time.sleep(self.rng.uniform(12, 25))
        os.kill(self.broker_pid(), signal.SIGCONT)

    def engine_killed(self):
        self.site.engine.kill()
        self.site.engine.wait()
        time.sleep(self.rng.uniform(0.1, 2))
        self.site.start_engine()

    def engine_paused(self):
        self.pause(self.site.engine.pid, 10)

    def members_come_and_go(self):
        for number in range(5):
            guests = [self.site.start(f"guest-{name}", [name, "--config", str(self.site.config)], before=self.site.before) for name in ("score", "store")]
            time.sleep(self.rng.uniform(0.5, 3))
            for guest in guests:
                guest.kill() if self.rng.random() < 0.5 else guest.terminate()
                guest.wait(timeout=60)

    def database(self, mode):
        self.gate.mode = mode
        time.sleep(self.rng.uniform(1, 6))
        self.gate.mode = "pass"

    def network_cut(self, shortest, longest):
        self.network.cut()
        time.sleep(self.rng.uniform(shortest, longest))
        self.network.mend()

    def disk_full(self):
        self.disk.fill()
        time.sleep(self.rng.uniform(2, 8))
        self.disk.free()

    def clock_jumps(self, seconds):
        self.clock.set(seconds)
        time.sleep(self.rng.uniform(2, 5))
        self.clock.set(0)


GROUPS = {
    "processes": {
        **{f"{name} killed (SIGKILL)": lambda run, name=name: run.role_killed(name) for name in ROLES},
        **{f"{name} paused 1 to 8 s": lambda run, name=name: run.role_paused(name) for name in ROLES},
        "engine killed (SIGKILL), started again": Running.engine_killed,
        "engine paused 1 to 10 s": Running.engine_paused,
        "five further `score` and `store` come and go": Running.members_come_and_go,
    },
    "servers": {
        "broker killed (SIGKILL), started again": Running.broker_killed,
        "broker paused 1 to 8 s": Running.broker_paused,
        "broker paused 12 to 25 s, so that its controller takes it for dead": Running.broker_taken_for_dead,
        "database refuses, 1 to 6 s": lambda run: run.database("refuse"),
        "database cuts connections, also after an insert took effect": lambda run: run.database("cut"),
        "database slow, 0.5 to 2 s an answer": lambda run: run.database("slow"),
    },
    "network": {
        "network cut 1 to 5 s": lambda run: run.network_cut(1, 5),
        "network cut 15 to 30 s": lambda run: run.network_cut(15, 30),
    },
    "disk": {"disk of the database full, 2 to 8 s": Running.disk_full},
    "clock": {
        "clock of the roles an hour ahead, and back": lambda run: run.clock_jumps(3_600),
        "clock of the roles an hour behind, and back": lambda run: run.clock_jumps(-3_600),
        "clock of the roles a year ahead, and back": lambda run: run.clock_jumps(365 * 86_400),
    },
}


def ready(group):
    """What this machine lacks for a group, or None."""
    if group in ("network", "disk") and (os.geteuid() != 0 or (group == "network" and not shutil.which("ip"))):
        return "needs root and `ip`"
    if group == "clock" and not shutil.which("cc"):
        return "needs a C compiler"
    return None


def run_group(group):
    """Rows of the table, what the books said, and the load average after each fault."""
    work = pathlib.Path(tempfile.mkdtemp(prefix=f"streife-{group}-"))
    running = None
    try:
        running = Running(group, work)
        running.start()
        kinds = [kind for kind in GROUPS[group] if os.environ.get("STREIFE_FAULT_KIND", "") in kind] * TIMES
        running.rng.shuffle(kinds)
        seconds, loads = collections.defaultdict(list), []
        for number, kind in enumerate(kinds, 1):
            time.sleep(running.rng.uniform(0, 1.5))
            GROUPS[group][kind](running)
            seconds[kind].append(running.recovered(kind))
            loads.append(os.getloadavg()[0])
            print(f"{group} {number}/{len(kinds)}: {kind}: working again after {seconds[kind][-1]:.1f} s", flush=True)
        accepted = running.finish()
        print(f"{group}: roles that ended and were started again: {dict(running.restarts)}", flush=True)
        rows = []
        for kind in dict.fromkeys(kinds):
            times = sorted(seconds[kind])
            rows.append((kind, len(times), times[len(times) // 2], times[-1]))
        return rows, accepted, dict(running.restarts), loads
    except BaseException:
        for log in sorted(work.glob("*.log")):
            print(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:]))
        raise
    finally:
        if running:
            running.end()
        if os.environ.get("STREIFE_FAULT_KEEP") != "1":
            shutil.rmtree(work, ignore_errors=True)


def table(group, rows, accepted, restarts, loads):
    """What a run of one group has shown, for docs/reliability.md."""
    ended = ", ".join(f"{name} {count} times" for name, count in restarts.items()) or "none"
    lines = [f"*{group}*: {datetime.date.today()}, `STREIFE_FAULT_TIMES={TIMES} python3 tests/suites/fault_matrix.py {group}`, load average {min(loads):.0f} to {max(loads):.0f}. "
             f"{accepted:,} records accepted; books balanced, flagged view as `scan` flags; roles that ended by themselves: {ended}.", "",
             "| what was done | times | working again, median | at worst |", "|---|---|---|---|"]
    lines += [f"| {kind} | {count} | {median:.1f} s | {worst:.1f} s |" for kind, count, median, worst in rows]
    return "\n".join(lines) + "\n"


def write(group, text):
    """Puts the table between the marks of its group in docs/reliability.md."""
    path = ROOT / "docs/reliability.md"
    begin, end = f"<!-- fault-matrix {group} -->\n", "<!-- end -->"
    before, rest = path.read_text().split(begin)
    path.write_text(before + begin + text + end + rest.split(end, 1)[1])


def main():
    groups = list(GROUPS) if sys.argv[1:] == ["all"] else sys.argv[1:]
    passed, skipped = 0, 0
    if not groups or any(group not in GROUPS for group in groups):
        sys.exit(__doc__)
    try:
        for group in groups:
            if lacks := ready(group):
                print(f"skipped: {group}: {lacks}")
                skipped += 1
                continue
            text = table(group, *run_group(group))
            passed += 1
            print(text, flush=True)
            if os.environ.get("STREIFE_FAULT_WRITE") == "1":
                write(group, text)
    except BaseException:
        print(f"test result: FAILED. {passed} passed; 1 failed; {skipped} ignored")
        raise
    print(f"test result: ok. {passed} passed; 0 failed; {skipped} ignored")


if __name__ == "__main__":
    main()
