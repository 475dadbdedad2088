"""The processes a measurement needs, each a context manager: Kafka and the daemon; peers.py has the others.

Everything listens on 127.0.0.1, and every process is ended by its own pid.
"""

import functools
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
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


_PROXY = """\
kind: MQTTProxy
name: {name}
address: 127.0.0.1
port: {port}
{keys}rules:
- when:
    packetType: Connect
  pipeline: {connect}
- when:
    packetType: Publish
  pipeline: publish
---
"""

_OPEN_PROXY = _PROXY.replace("- when:\n    packetType: Connect\n  pipeline: {connect}\n", "")

_PIPELINES = """\
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
    """mqttproxy with three ports into one Kafka topic: open, with MQTTClientAuth (test/test), with TLS.

    `threads` 0 is one worker per core; `downlink_topic` makes messages to devices go through that Kafka topic.
    again(…) is another one that differs in what is given.
    """

    name = "ours"
    http = True  # messages to devices are published by HTTP

    def __init__(
        self,
        binary: Path,
        kafka: Kafka,
        topic: str,
        directory: Path,
        certificate: "Certificate",
        *,
        properties: dict[str, str] | None = None,
        threads: int = 0,
        downlink_topic: str = "",
        file: str = "mqttproxy",
    ):
        self.again = functools.partial(
            Daemon, binary, kafka, topic, directory, certificate, properties=properties, threads=threads
        )
        self.port, self.auth_port, self.tls_port, self.api_port = (free_port() for _ in range(4))
        node = {"name": file, "threads": threads, "api": {"address": f"127.0.0.1:{self.api_port}"}}
        if downlink_topic:
            node["downlink"] = {
                "mode": "kafka",
                "backend": [kafka.bootstrap],
                "topic": downlink_topic,
                "sessionsTopic": f"{downlink_topic}-sessions",
            }
        tls = f"useTLS: true\ncertificate: {json.dumps([certificate.entry()])}\n"
        config = directory / f"{file}.yaml"
        config.write_text(
            f"kind: Node\n{_yaml(node)}---\n"
            + _OPEN_PROXY.format(name="bench", port=self.port, keys="")
            + _PROXY.format(name="bench-auth", port=self.auth_port, keys="", connect="auth")
            + _OPEN_PROXY.format(name="bench-tls", port=self.tls_port, keys=tls)
            + _PIPELINES.format(bootstrap=kafka.bootstrap, topic=topic, properties=json.dumps(properties or {}))
        )
        super().__init__([str(binary), "--config", str(config)], directory / f"{file}.log")


    def wait_ready(self, seconds: float = 60) -> None:
        """Until /readyz says 200: Kafka is reached, and the downlink topic where there is one."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise BenchError(f"not ready after {seconds:.0f} s; see {self.log}")


def _yaml(values: dict) -> str:
    """A map of maps and scalars; JSON is YAML."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())


class Certificate:
    """A self-signed ECDSA P-256 certificate for 127.0.0.1, as devices of today would want."""

    def __init__(self, directory: Path):
        self.cert_file = directory / "server.pem"
        self.key_file = directory / "server-key.pem"
        options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        files = ["-subj", "/CN=127.0.0.1", "-keyout", str(self.key_file), "-out", str(self.cert_file)]
        command = ["openssl", "req", "-x509", *options, *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"openssl could not make a certificate: {done.stderr.strip()}")

    def entry(self) -> dict[str, str]:
        return {"name": "server", "certFile": str(self.cert_file), "keyFile": str(self.key_file)}
