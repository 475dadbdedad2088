"""Runs the programs that make load and keeps what they say."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rows import CONNECTIONS
from servers import BenchError, Kafka, Process

TOPIC = "bench"


@dataclass
class Samples:
    """values[row key][who], the raw results behind them, and what could not be measured."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    raw: list[dict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, key: str, who: str, value: float) -> None:
        self.values.setdefault(key, {}).setdefault(who, []).append(value)

    def keep(self, what: str, who: str, result: dict) -> dict:
        self.raw.append({"what": what, "who": who, "load_average": os.getloadavg()[0], **result})
        return result

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            say(text)


@dataclass(frozen=True)
class Programs:
    daemon: Path
    mqttload: Path
    rawproducer: Path
    tree_bench: Path
    sink: Path


@dataclass
class Tools:
    programs: Programs
    kafka: Kafka
    samples: Samples
    seconds: float
    properties: dict[str, str]
    directory: Path

    def load(self, what: str, who: str, options: list[str]) -> dict:
        return self.samples.keep(what, who, self.json_of([str(self.programs.mqttload), *options, "--json"]))

    def load_in_turn(
        self,
        what: str,
        servers: list[Process],
        options_of: Callable[[Process], list[str]],
        librdkafka: Callable[[], dict] | None = None,
    ) -> dict[str, dict]:
        """Each server under the same load, by name, and librdkafka alone right behind the daemon, which it is compared
        with. A peer that fails is left out with a note; the daemon must not."""
        results = {}
        for server in servers:
            try:
                results[server.name] = self.load(what, server.name, options_of(server))
            except BenchError as error:
                if server.name == "ours":
                    raise
                self.samples.note(f"{server.name} is left out of {what}: {str(error).splitlines()[1]}")
            if librdkafka is not None and server.name == "ours":
                results["librdkafka"] = librdkafka()
        return results

    def raw_producer(self, what: str, in_flight: int, seconds: float, payload: int = 256, rate: int = 0) -> dict:
        command = [str(self.programs.rawproducer)]
        options = {
            "brokers": self.kafka.bootstrap,
            "topic": TOPIC,
            "in-flight": in_flight,
            "keys": CONNECTIONS,
            "payload": payload,
            "seconds": seconds,
            "rate": rate,
        }
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        for name, value in self.properties.items():
            command += ["--property", f"{name}={value}"]
        return self.samples.keep(what, "librdkafka", self.json_of(command))

    def tree(self, what: str, filters: int) -> dict:
        return self.samples.keep(what, "ours", self.json_of([str(self.programs.tree_bench), str(filters)]))

    def wait_serving(self, server: Process) -> None:
        """Until one QoS 1 message has been acknowledged."""
        self.json_of([str(self.programs.mqttload), "first", "--port", str(server.port), "--json"])

    def json_of(self, command: list[str]) -> dict:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = done.stderr.strip() or f"ended with {done.returncode}"
            raise BenchError(f"{' '.join(command)}\n{reason}\nserver output is in {self.directory}")
        return json.loads(done.stdout)


def options(mode: str, server: Process, **values: object) -> list[str]:
    """A command line of mqttload; `http_port=1` becomes --http-port 1."""
    command = [mode, "--port", str(values.pop("port", server.port)), "--pid", str(server.pid)]
    for name, value in values.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def say(text: str) -> None:
    print(f"-- {text}", file=sys.stderr, flush=True)
