"""The daemon as a process: start it on a configuration, find its ports in the log, stop it, look at what it said."""

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from support.metrics import Metrics
from support.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("MQTTPROXY_BIN", ROOT / "build/release/mqttproxy")).resolve()
SUPPRESSIONS = ROOT / "tests/tsan.supp"

Address = tuple[str, int]

_SANITIZER_REPORT = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error: |UndefinedBehaviorSanitizer|AddressSanitizer:DEADLYSIGNAL"
)


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> object:
        return json.loads(self.body)


def environment() -> dict[str, str]:
    tsan = "halt_on_error=0 exitcode=66 second_deadlock_stack=1"
    if SUPPRESSIONS.exists():
        tsan += f" suppressions={SUPPRESSIONS}"
    return os.environ | {
        "ASAN_OPTIONS": "detect_leaks=1 strict_string_checks=1 detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": tsan,
    }


def run(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The daemon's command line to its end: `check`, `explain`, `--version` and starts that are meant to fail."""
    return subprocess.run(
        [str(BINARY), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment() | (env or {}),
    )


class Daemon:
    """One running mqttproxy. Its log is kept in memory and in `directory`/mqttproxy.log."""

    running: list["Daemon"] = []

    def __init__(
        self,
        config: str,
        directory: Path,
        wait_started: bool = True,
        inside: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        """`inside`: a command that runs the one behind it elsewhere, as `nsenter` does. `env`: further variables."""
        directory.mkdir(parents=True, exist_ok=True)
        self.config_file = directory / "mqttproxy.yaml"
        self.config_file.write_text(config)
        self.lines: list[str] = []
        self.tls: ssl.SSLContext | None = None  # what http() speaks, where the API does
        self._changed = threading.Condition()
        self._ended = False
        # setpriv: the daemon dies with the test run, however that ends.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *inside, str(BINARY), "--config", str(self.config_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment() | (env or {}),
        )
        self._reader = threading.Thread(target=self._read, args=(directory / "mqttproxy.log",), daemon=True)
        self._reader.start()
        Daemon.running.append(self)
        if wait_started:
            self.wait_log(r"\bstarted ")

    def _read(self, copy: Path) -> None:
        assert self.process.stderr is not None
        with copy.open("a") as file:
            for line in self.process.stderr:
                file.write(line)
                file.flush()
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def find_log(self, pattern: str, start: int = 0) -> re.Match[str] | None:
        return next((match for line in self.lines[start:] if (match := re.search(pattern, line))), None)

    def wait_log(self, pattern: str, start: int = 0, timeout: float = PATIENCE) -> re.Match[str]:
        """The first log line from number `start` on that matches, now or later."""
        with self._changed:
            self._changed.wait_for(lambda: self.find_log(pattern, start) or self._ended, timeout)
            match = self.find_log(pattern, start)
            assert match, f"no log line matches {pattern!r}; the log:\n" + self.log_tail()
            return match

    def log_tail(self, lines: int = 60) -> str:
        return "\n".join(self.lines[-lines:])

    def _address(self, event: str) -> Address:
        match = self.wait_log(rf"\b{event}.*\baddress=([0-9.]+):(\d+)")
        return match[1], int(match[2])

    def address(self, proxy: str = "mqttproxy") -> Address:
        return self._address(f"listening proxy={re.escape(proxy)} ")

    def addresses(self, proxy: str = "mqttproxy") -> list[Address]:
        """Of all its listeners, in the order of the configuration."""
        pattern = rf"\blistening proxy={re.escape(proxy)} .*\baddress=([0-9.]+):(\d+)"
        return [(match[1], int(match[2])) for line in self.lines if (match := re.search(pattern, line))]

    @property
    def api(self) -> Address:
        return self._address("api listening")

    @property
    def embedded_kafka(self) -> str:
        host, port = self._address("embedded kafka")
        return f"{host}:{port}"

    def http_connection(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection(*self.api, timeout=PATIENCE)
        return http.client.HTTPSConnection(*self.api, timeout=PATIENCE, context=self.tls)

    def http(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None, body: object = None
    ) -> Response:
        """One request on a connection of its own. `body`: bytes and text are sent as they are, all else as JSON."""
        if body is not None and not isinstance(body, bytes | str):
            body = json.dumps(body)
        connection = self.http_connection()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read().decode())
        finally:
            connection.close()

    def metrics(self) -> Metrics:
        response = self.http("/metrics")
        assert response.status == 200, response
        return Metrics(response.body)

    def ready(self) -> bool:
        return self.http("/readyz").status == 200

    def wait_ready(self) -> None:
        wait_until("/readyz answers 200", self.ready)

    def wait_metric(self, value: float, name: str, **labels: str) -> None:
        wait_until(f"{name}{labels or ''} == {value:g}", lambda: self.metrics().total(name, **labels) == value)

    def rss_bytes(self) -> int:
        match = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text(), re.MULTILINE)
        assert match
        return int(match[1]) * 1024

    def cpu_seconds(self) -> float:
        """CPU time of all threads, librdkafka's included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_exit(self) -> int:
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self in Daemon.running:
            Daemon.running.remove(self)
        return code

    def stop(self) -> None:
        """SIGTERM, and it must end well: exit code 0, no sanitizer report."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        code = self.wait_exit()
        self.check_log()
        assert code == 0, f"exit code {code}; the log:\n" + self.log_tail()

    def kill(self) -> None:
        """SIGKILL: the death of a node."""
        self.process.kill()
        self.wait_exit()
        self.check_log()

    def check_log(self) -> None:
        reports = [number for number, line in enumerate(self.lines) if _SANITIZER_REPORT.search(line)]
        if reports:
            raise AssertionError("sanitizer report:\n" + "\n".join(self.lines[reports[0] : reports[0] + 80]))
