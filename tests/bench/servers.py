"""The processes a measurement needs, each a context manager: Kafka, the daemon, a peer broker.

Everything listens on 127.0.0.1, and every process is ended by its own pid.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path


class BenchError(Exception):
    """A measurement could not be made; says which process and where its output is."""


def free_port(consecutive: int = 1) -> int:
    """A port that is free now, with `consecutive` - 1 more free ones behind it."""
    for _ in range(100):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        if port + consecutive <= 65536 and all(_is_free(port + i) for i in range(consecutive)):
            return port
    raise BenchError(f"no {consecutive} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def resident_bytes(pid: int) -> int:
    """Exact resident memory of a process of ours."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise BenchError(f"no Rss in smaps_rollup of {pid}")


class Kafka:
    """A single broker for the whole run, through the same script the tests use."""

    def __init__(self, script: Path, directory: Path):
        self.script = script
        self.directory = directory
        self.port = 0

    def __enter__(self):
        self._run("fetch")
        for attempt in range(3):
            self.port = free_port(2)
            shutil.rmtree(self.directory, ignore_errors=True)
            try:
                # A run writes gigabytes: old segments go while it lasts.
                self._run(
                    "start",
                    str(self.port),
                    str(self.directory),
                    "log.segment.bytes=67108864",
                    "log.retention.bytes=268435456",
                    "log.retention.check.interval.ms=5000",
                    "log.segment.delete.delay.ms=1000",
                )
                return self
            except BenchError:
                if attempt == 2:
                    raise
        raise AssertionError("not reached")

    def __exit__(self, *_):
        self._run("stop", str(self.directory))
        shutil.rmtree(self.directory, ignore_errors=True)

    def make_topic(self, name: str, partitions: int) -> None:
        self._run("mktopic", str(self.port), name, str(partitions))

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _run(self, *arguments: str) -> str:
        # Into files: a pipe would be held open by the broker that `start` leaves behind.
        log = self.directory.with_suffix(".log")
        with log.open("a") as output:
            code = subprocess.run(
                [str(self.script), *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            ).returncode
        if code != 0:
            raise BenchError(f"{self.script.name} {' '.join(arguments)} failed ({code}); see {log}")
        return log.read_text()


class Process:
    """A foreground server whose output goes to a file."""

    def __init__(self, command: list[str], log: Path):
        self.command = command
        self.log = log
        self.process: subprocess.Popen | None = None

    def __enter__(self):
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *_):
        assert self.process is not None
        if self.process.poll() is not None:
            print(f"warning: {self.command[0]} ended with {self.process.returncode}; see {self.log}", file=sys.stderr)
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BenchError(f"{self.command[0]} did not end within 60 s of SIGTERM; see {self.log}") from None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


_DAEMON_CONFIG = """\
kind: Node
name: bench
api:
  address: 127.0.0.1:{api_port}
---
kind: MQTTProxy
name: bench
address: 127.0.0.1
port: {port}
rules:
- when:
    packetType: Publish
  pipeline: publish
---
kind: MQTTProxy
name: bench-auth
address: 127.0.0.1
port: {auth_port}
rules:
- when:
    packetType: Connect
  pipeline: auth
- when:
    packetType: Publish
  pipeline: publish
---
kind: Pipeline
name: publish
protocol: MQTT
filters:
- name: kafka
  kind: Kafka
  backend: ["{bootstrap}"]
  topic:
    default: {topic}
  properties: {properties}
---
kind: Pipeline
name: auth
protocol: MQTT
filters:
- name: auth
  kind: MQTTClientAuth
  salt: salt
  auth:
  - username: test
    saltedSha256Pass: 1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74
"""


class Daemon(Process):
    """mqttproxy with one open port, one with MQTTClientAuth (test/test), both into the Kafka topic."""

    def __init__(self, binary: Path, bootstrap: str, topic: str, properties: dict[str, str], directory: Path):
        self.port = free_port()
        self.auth_port = free_port()
        self.api_port = free_port()
        config = directory / "mqttproxy.yaml"
        config.write_text(
            _DAEMON_CONFIG.format(
                api_port=self.api_port,
                port=self.port,
                auth_port=self.auth_port,
                bootstrap=bootstrap,
                topic=topic,
                properties=json.dumps(properties),
            )
        )
        super().__init__([str(binary), "--config", str(config)], directory / "mqttproxy.log")


class Mosquitto(Process):
    """Debian's mosquitto without its default limits on what is in flight: a ratio peer, no Kafka behind it."""

    def __init__(self, binary: str, directory: Path):
        self.port = free_port()
        config = directory / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_inflight_messages 0\nmax_queued_messages 0\n"
        )
        super().__init__([binary, "-c", str(config)], directory / "mosquitto.log")


def find_mosquitto() -> str | None:
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
