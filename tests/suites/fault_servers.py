"""What the fault suites break: an engine behind a gate, a network of the roles' own that can be cut, a disk that can be filled, a clock
that can be set."""
import http.client
import http.server
import os
import pathlib
import random
import struct
import subprocess
import threading
import time


class Gate(http.server.ThreadingHTTPServer):
    """Stands before the engine and lets through, refuses, cuts or delays, by `mode`: pass, refuse, cut, slow."""

    daemon_threads = True

    def __init__(self, engine_port, address="127.0.0.1"):
        self.mode, self.engine_port = "pass", engine_port
        super().__init__((address, 0), GateHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # whoever was killed in the middle of a request


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
        try:
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            # The engine is gone: so is the connection.
            self.close_connection = True
            return
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


class Network:
    """A network namespace for the roles, joined to this machine by one virtual cable that can be pulled. Needs root."""

    def __init__(self):
        number = os.getpid() % 60_000
        self.name = f"sf{number}"
        self.ours, self.theirs = f"10.{90 + number // 250 % 100}.{number % 250}.1", f"10.{90 + number // 250 % 100}.{number % 250}.2"
        self.cable, end = f"sfa{number}", f"sfb{number}"
        self.run("netns", "add", self.name)
        self.run("link", "add", self.cable, "type", "veth", "peer", "name", end, "netns", self.name)
        self.run("addr", "add", f"{self.ours}/24", "dev", self.cable)
        self.run("link", "set", self.cable, "up")
        self.run("-n", self.name, "addr", "add", f"{self.theirs}/24", "dev", end)
        self.run("-n", self.name, "link", "set", end, "up")
        self.run("-n", self.name, "link", "set", "lo", "up")
        self.before = ["ip", "netns", "exec", self.name]

    @staticmethod
    def run(*arguments, check=True):
        subprocess.run(["ip", *arguments], check=check, capture_output=True)

    def cut(self):
        self.run("link", "set", self.cable, "down")

    def mend(self):
        self.run("link", "set", self.cable, "up")

    def end(self):
        self.run("link", "del", self.cable, check=False)
        self.run("netns", "del", self.name, check=False)


class SmallDisk:
    """A file system in memory of so many megabytes; `fill` leaves nothing of it free. Needs root."""

    def __init__(self, folder, megabytes):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)

    def fill(self):
        with open(self.folder / "ballast", "ab", buffering=0) as out:
            try:
                while True:
                    out.write(b"\0" * (1 << 20))
            except OSError:
                pass

    def free(self):
        (self.folder / "ballast").unlink(missing_ok=True)

    def end(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


class Clock:
    """The wall clock of processes started with `env`, set by `clock_shim.c`; the monotonic clock goes on."""

    def __init__(self, folder):
        self.file, library = folder / "clock", folder / "clock_shim.so"
        self.file.write_bytes(struct.pack("q", 0))
        source = pathlib.Path(__file__).with_name("clock_shim.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source)], check=True)
        self.env = {"LD_PRELOAD": str(library), "STREIFE_TEST_CLOCK": str(self.file)}

    def set(self, seconds):
        # In place: the processes have the file mapped.
        with open(self.file, "r+b") as out:
            out.write(struct.pack("q", seconds))
