"""Kafka as the tests see it: a real broker process, and kcat as an independent reader of what is stored."""

import json
import os
import random
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.certificates import Certificate
from support.waiting import PATIENCE

SCRIPT = Path(__file__).resolve().parents[1] / "kafka/kafka.sh"

# A single broker waits for its former self to be fenced before it serves again: 9 s by default.
QUICK_RESTART = ("broker.session.timeout.ms=4000", "broker.heartbeat.interval.ms=1000")


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: str | None
    headers: tuple[tuple[str, str], ...]
    payload: str | None

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


def _record(line: str) -> Record:
    fields = json.loads(line)
    flat = fields.get("headers", [])
    return Record(
        fields["topic"],
        fields["partition"],
        fields["offset"],
        fields["key"],
        tuple(zip(flat[::2], flat[1::2])),
        fields["payload"],
    )


def kcat(*arguments: str) -> str:
    done = subprocess.run(
        ["kcat", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, f"kcat {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def read_topic(address: str, topic: str) -> list[Record]:
    """Every record stored in `topic`, each partition in offset order."""
    output = kcat("-C", "-b", address, "-t", topic, "-o", "beginning", "-e", "-q", "-J")
    return [_record(line) for line in output.splitlines()]


def write_topic(
    address: str,
    topic: str,
    *records: tuple[str, str],
    headers: dict[str, str] | None = None,
    partition: int | None = None,
) -> None:
    """What any Kafka producer can do: (key, value) records, stored when this returns. One key, one partition, unless
    `partition` says which."""
    options = [option for name, value in (headers or {}).items() for option in ("-H", f"{name}={value}")]
    if partition is not None:
        options += ["-p", str(partition)]
    done = subprocess.run(
        ["kcat", "-P", "-b", address, "-t", topic, "-K", "\t", "-X", "partitioner=murmur2_random", *options],
        input="".join(f"{key}\t{value}\n" for key, value in records),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def topic_exists(address: str, topic: str) -> bool:
    topics = json.loads(kcat("-L", "-b", address, "-J"))["topics"]
    return any(entry["topic"] == topic for entry in topics)


def free_port_pair() -> int:
    """A port that is free now, and so is the next one: Kafka's controller takes it. Below the range from which the system
    gives ports to connections: a broker starts seconds later, and again after it was killed."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


class Kafka:
    """A real broker under `directory`. stop, kill and start keep port and data."""

    def __init__(self, directory: Path, *properties: str) -> None:
        self.directory = directory
        self.port = free_port_pair()
        self.address = f"127.0.0.1:{self.port}"
        self._properties = properties

    def listen_also(self, host: str) -> str:
        """Before start(): clients that come to `host` are served as well. Returns the address for them."""
        inside = f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.port + 1}"
        outside = f"OUTSIDE://{host}:{self.port + 2}"
        self._properties += (
            f"listeners={inside},{outside}",
            f"advertised.listeners=PLAINTEXT://{self.address},{outside}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OUTSIDE:PLAINTEXT",
        )
        return f"{host}:{self.port + 2}"

    def listen_secure(
        self, server: Certificate, host: str = "127.0.0.1", client_authority: Path | None = None
    ) -> str:
        """Before start(): clients that come over TLS are served as well, with SCRAM-SHA-512 – add_user() says who –, or
        with certificates of `client_authority` and nothing else. Returns the address for them."""
        keystore = self.directory / "keystore.pem"
        self.directory.mkdir(parents=True, exist_ok=True)
        keystore.write_text(server.key_file.read_text() + server.cert_file.read_text())
        address = f"{host}:{free_port_pair()}"
        inside = f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.port + 1}"
        listener = "listener.name.secure"
        self._properties += (
            f"listeners={inside},SECURE://{address}",
            f"advertised.listeners=PLAINTEXT://{self.address},SECURE://{address}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            f"SECURE:{'SSL' if client_authority else 'SASL_SSL'}",
            f"{listener}.ssl.keystore.type=PEM",
            f"{listener}.ssl.keystore.location={keystore}",
        )
        if client_authority:
            self._properties += (
                f"{listener}.ssl.client.auth=required",
                f"{listener}.ssl.truststore.type=PEM",
                f"{listener}.ssl.truststore.location={client_authority}",
            )
        else:
            self._properties += (
                f"{listener}.sasl.enabled.mechanisms=SCRAM-SHA-512",
                f"{listener}.scram-sha-512.sasl.jaas.config="
                "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            )
        return address

    def add_user(self, name: str, password: str) -> None:
        """Or another password for a user there is."""
        self._run("user", str(self.port), name, password)

    def _run(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [str(SCRIPT), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            env=os.environ | {"KAFKA_OWNER": str(os.getpid())},
        )
        assert not check or done.returncode == 0, f"kafka.sh {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> "Kafka":
        self._run("start", str(self.port), str(self.directory), *self._properties)
        return self

    def stop(self) -> None:
        self._run("stop", str(self.directory))

    def kill(self) -> None:
        self._run("kill", str(self.directory))

    def pause(self) -> None:
        self._run("pause", str(self.directory))

    def resume(self) -> None:
        self._run("resume", str(self.directory))

    def create_topic(self, name: str, partitions: int = 4) -> str:
        self._run("mktopic", str(self.port), name, str(partitions))
        return name

    def add_partitions(self, topic: str, partitions: int) -> None:
        self._topics("--alter", "--topic", topic, "--partitions", str(partitions))

    def delete_topic(self, topic: str) -> None:
        self._topics("--delete", "--topic", topic)

    def describe(self, topic: str) -> str:
        """Partitions and settings as Kafka's own tool prints them; "" when there is no such topic."""
        return self._topics("--describe", "--topic", topic, check=False)

    def _topics(self, *arguments: str, check: bool = True) -> str:
        return self._run("topics", str(self.port), *arguments, check=check)

    def configure(self, topic: str, setting: str) -> None:
        self._run("configure", str(self.port), topic, setting)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """What retention does: the records below the offset `before` are gone."""
        self._run("trim", str(self.port), topic, str(partition), str(before))

    def write(
        self,
        topic: str,
        *records: tuple[str, str],
        headers: dict[str, str] | None = None,
        partition: int | None = None,
    ) -> None:
        write_topic(self.address, topic, *records, headers=headers, partition=partition)

    def read(self, topic: str) -> list[Record]:
        return read_topic(self.address, topic)
