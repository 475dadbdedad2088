#!/usr/bin/env python3
"""Measures what the daemon costs and prints it beside its budget and its peers.

All servers run on this machine over loopback and take turns within each round, so that a noisy moment hits all of
them; a figure is the median over the rounds. CPU time per message is the figure to trust: it is user plus system of
all threads of the server's process, with the load generator and Kafka left out. Nothing here fails because a figure
is high; only a measurement that could not be made (a refused connection, a wrong acknowledgement) is an error.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from servers import BenchError, Daemon, Kafka, Mosquitto, find_mosquitto, resident_bytes

ROOT = Path(__file__).resolve().parents[2]
TOPIC = "bench"
PARTITIONS = 4
CONNECTIONS = 50
IDLE_CONNECTIONS = 10_000
PACED_RATE = 2_000
SUBSCRIBERS = 1_000
UNDER_WAY = (1, 8)  # publishes at a time
FANOUT_BUDGET_US = {0: 2.0, 1: 3.0}  # by QoS, per delivery with several publishes under way
TREE_FILTERS = {"tree_100k": 100_000, "tree_1m": 1_000_000}


@dataclass
class Row:
    """One line of the table. `limit` is the budget (lower is better), None where there is none."""

    key: str
    title: str
    unit: str
    limit: float | None
    digits: int = 2


def fanout_rows(qos: int, under_way: int) -> list[Row]:
    key = f"fanout_q{qos}_k{under_way}"
    title = f"fan-out QoS {qos} to {SUBSCRIBERS:,}, {under_way} under way: CPU per delivery"
    return [
        Row(f"{key}_cpu", title, "µs", FANOUT_BUDGET_US[qos] if under_way > 1 else None),
        Row(f"{key}_rate", "  deliveries per second", "1/s", None, 0),
        Row(f"{key}_p50", "  delivered p50", "ms", None),
        Row(f"{key}_p99", "  delivered p99", "ms", None),
    ]


def http_rows(under_way: int) -> list[Row]:
    title = f"HTTP publish, one subscriber, {under_way} under way: CPU per publish"
    return [
        Row(f"http_k{under_way}_cpu", title, "µs", 40.0, 1),
        Row(f"http_k{under_way}_rate", "  publishes per second", "1/s", None, 0),
        Row(f"http_k{under_way}_p50", "  delivered p50", "ms", None),
    ]


ROWS = [
    Row("uplink_w32_cpu", "QoS 1 uplink, window 32: CPU per message", "µs", 2.0),
    Row("uplink_w32_rate", "  messages per second", "1/s", None, 0),
    Row("uplink_w32_p50", "  PUBACK p50", "ms", None),
    Row("uplink_w1_cpu", "QoS 1 uplink, window 1: CPU per message", "µs", 14.0),
    Row("uplink_w1_rate", "  messages per second", "1/s", None, 0),
    Row("uplink_w1_p50", "  PUBACK p50", "ms", None),
    Row("paced_cpu", f"QoS 1 uplink paced {PACED_RATE:,}/s: CPU per message", "µs", 60.0),
    Row("paced_p50", "  PUBACK p50", "ms", 3.0),
    Row("paced_p99", "  PUBACK p99", "ms", None),
    *[row for qos in FANOUT_BUDGET_US for under_way in UNDER_WAY for row in fanout_rows(qos, under_way)],
    *[row for under_way in UNDER_WAY for row in http_rows(under_way)],
    Row("connect_cpu", "CONNECT, CONNACK, DISCONNECT (ours with ClientAuth): CPU each", "µs", 30.0, 1),
    Row("connect_rate", "  connections per second", "1/s", None, 0),
    Row("idle_bytes", f"idle connection, RSS ({IDLE_CONNECTIONS:,} open)", "B", 1024, 0),
    Row("start_s", "start to first PUBACK", "s", 0.3, 3),
    Row("idle_rss", "RSS after the first PUBACK", "MiB", 20, 1),
    Row("tree_1m_match", "subscription tree of 1,000,000 filters, about 5 hits: match", "µs", 1.3),
    Row("tree_1m_bytes", "  memory per subscription", "B", 200, 0),
    Row("tree_1m_subscribe", "  subscribe", "µs", None),
    Row("tree_1m_unsubscribe", "  unsubscribe", "µs", None),
    Row("tree_1m_leave_large", "  leave a filter of 100,000 subscribers", "µs", None),
    Row("tree_100k_match", "subscription tree of 100,000 filters: match", "µs", None),
    Row("tree_100k_bytes", "  memory per subscription", "B", None, 0),
]


@dataclass
class Samples:
    """values[row key][who] and the raw results behind them."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    raw: list[dict] = field(default_factory=list)

    def add(self, key: str, who: str, value: float) -> None:
        self.values.setdefault(key, {}).setdefault(who, []).append(value)

    def keep(self, what: str, who: str, result: dict) -> dict:
        self.raw.append({"what": what, "who": who, "load_average": os.getloadavg()[0], **result})
        return result


class Bench:
    def __init__(self, arguments: argparse.Namespace, kafka: Kafka, directory: Path):
        self.arguments = arguments
        self.kafka = kafka
        self.directory = directory
        self.samples = Samples()
        self.mosquitto = None if arguments.no_mosquitto else find_mosquitto()
        if not self.mosquitto and not arguments.no_mosquitto:
            self.say("mosquitto is not installed: nothing to compare with")

    def run(self) -> None:
        if self.wants("uplink") or self.wants("paced"):
            self.say("warming the broker up")
            self.raw_producer("warm-up", in_flight=1600, seconds=self.arguments.broker_warmup)
        for number in range(1, self.arguments.rounds + 1):
            self.say(f"round {number} of {self.arguments.rounds}")
            if self.wants("tree"):
                self.tree_round()
            with ExitStack() as stack:
                ours = self.start_daemon(stack)
                peer = None
                if self.mosquitto:
                    peer = stack.enter_context(Mosquitto(self.mosquitto, self.directory))
                    self.load("start", "mosquitto", ["first", "--port", str(peer.port)])
                if self.wants("idle"):
                    self.idle_round(ours, peer)
                if self.wants("connect"):
                    self.connect_round(ours, peer)
                if self.wants("uplink"):
                    self.uplink_round("uplink_w32", ours, peer, window=32)
                    self.uplink_round("uplink_w1", ours, peer, window=1)
                if self.wants("paced"):
                    self.paced_round(ours, peer)
                if self.wants("fanout"):
                    self.fanout_round(ours, peer)
                if self.wants("http"):
                    self.http_round(ours)

    def wants(self, measurement: str) -> bool:
        return not self.arguments.only or measurement in self.arguments.only

    def tree_round(self) -> None:
        for key, filters in TREE_FILTERS.items():
            result = self.samples.keep(key, "ours", self.json_of([str(self.arguments.tree_bench), str(filters)]))
            for what in ("match", "subscribe", "unsubscribe", "leave_large"):
                self.samples.add(f"{key}_{what}", "ours", result[f"{what}_ns"] / 1000)
            # What it allocated, or what that made resident: the larger of the two.
            bytes_each = max(result["bytes_per_subscription"], result["resident_bytes_per_subscription"])
            self.samples.add(f"{key}_bytes", "ours", bytes_each)

    def start_daemon(self, stack: ExitStack) -> Daemon:
        daemon = Daemon(
            self.arguments.daemon, self.kafka.bootstrap, TOPIC, self.arguments.property, self.directory
        )
        command = [str(self.arguments.mqttload), "first", "--port", str(daemon.port), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
            begin_ns = time.monotonic_ns()
            stack.enter_context(daemon)
            output, _ = first.communicate()
        if first.returncode != 0:
            raise BenchError(f"the daemon acknowledged nothing after its start; see {daemon.log}")
        result = self.samples.keep("start", "ours", json.loads(output))
        self.samples.add("start_s", "ours", (result["acknowledged_at_ns"] - begin_ns) / 1e9)
        self.samples.add("idle_rss", "ours", resident_bytes(daemon.pid) / 2**20)
        return daemon

    def idle_round(self, ours: Daemon, peer: Mosquitto | None) -> None:
        for who, server in self.turns(ours, peer):
            result = self.load(
                "idle",
                who,
                ["idle", "--port", str(server.port), "--pid", str(server.pid), "--connections", str(IDLE_CONNECTIONS)],
            )
            self.samples.add("idle_bytes", who, result["resident_bytes_per_connection"])

    def connect_round(self, ours: Daemon, peer: Mosquitto | None) -> None:
        for who, server in self.turns(ours, peer):
            options = ["connect", "--pid", str(server.pid), "--count", str(self.arguments.connects)]
            if who == "ours":
                options += ["--port", str(ours.auth_port), "--username", "test", "--password", "test"]
            else:
                options += ["--port", str(server.port)]
            result = self.load("connect", who, options)
            self.samples.add("connect_cpu", who, result["server_cpu_us"]["total"])
            self.samples.add("connect_rate", who, result["per_second"])

    def uplink_round(self, key: str, ours: Daemon, peer: Mosquitto | None, window: int) -> None:
        for who, server in self.turns(ours, peer):
            result = self.load(key, who, self.uplink_options(server) + ["--window", str(window)])
            self.samples.add(f"{key}_cpu", who, result["server_cpu_us"]["total"])
            self.samples.add(f"{key}_rate", who, result["per_second"])
            self.samples.add(f"{key}_p50", who, result["latency_us"]["p50"] / 1000)
        result = self.raw_producer(key, in_flight=window * CONNECTIONS, seconds=self.arguments.seconds)
        self.samples.add(f"{key}_cpu", "librdkafka", result["cpu_us"]["total"])
        self.samples.add(f"{key}_rate", "librdkafka", result["per_second"])
        self.samples.add(f"{key}_p50", "librdkafka", result["latency_us"]["p50"] / 1000)

    def paced_round(self, ours: Daemon, peer: Mosquitto | None) -> None:
        rate = ["--rate", str(PACED_RATE)]
        for who, server in self.turns(ours, peer):
            result = self.load("paced", who, self.uplink_options(server) + rate)
            self.samples.add("paced_cpu", who, result["server_cpu_us"]["total"])
            for percentile in ("p50", "p99"):
                self.samples.add(f"paced_{percentile}", who, result["latency_us"][percentile] / 1000)
        result = self.raw_producer("paced", in_flight=1600, seconds=self.arguments.seconds, rate=PACED_RATE)
        self.samples.add("paced_cpu", "librdkafka", result["cpu_us"]["total"])
        for percentile in ("p50", "p99"):
            self.samples.add(f"paced_{percentile}", "librdkafka", result["latency_us"][percentile] / 1000)

    def fanout_round(self, ours: Daemon, peer: Mosquitto | None) -> None:
        """Ours is published to by HTTP, mosquitto by MQTT: it has nothing else."""
        for qos in FANOUT_BUDGET_US:
            for under_way in UNDER_WAY:
                key = f"fanout_q{qos}_k{under_way}"
                for who, server in self.turns(ours, peer):
                    result = self.load(key, who, self.fanout_options(server, SUBSCRIBERS, qos, under_way))
                    self.samples.add(f"{key}_cpu", who, result["server_cpu_us"]["total"])
                    self.samples.add(f"{key}_rate", who, result["per_second"])
                    for percentile in ("p50", "p99"):
                        self.samples.add(f"{key}_{percentile}", who, result["latency_us"][percentile] / 1000)

    def http_round(self, ours: Daemon) -> None:
        for under_way in UNDER_WAY:
            key = f"http_k{under_way}"
            result = self.load(key, "ours", self.fanout_options(ours, 1, 1, under_way))
            self.samples.add(f"{key}_cpu", "ours", result["server_cpu_us_per_message"]["total"])
            self.samples.add(f"{key}_rate", "ours", result["messages"] / result["seconds"])
            self.samples.add(f"{key}_p50", "ours", result["latency_us"]["p50"] / 1000)

    def fanout_options(self, server: Daemon | Mosquitto, subscribers: int, qos: int, under_way: int) -> list[str]:
        options = [
            "fanout",
            "--port",
            str(server.port),
            "--pid",
            str(server.pid),
            "--connections",
            str(subscribers),
            "--concurrency",
            str(under_way),
            "--qos",
            str(qos),
            "--payload",
            "256",
            "--seconds",
            str(self.arguments.seconds),
        ]
        return options + (["--http-port", str(server.api_port)] if isinstance(server, Daemon) else [])

    def uplink_options(self, server: Daemon | Mosquitto) -> list[str]:
        return [
            "uplink",
            "--port",
            str(server.port),
            "--pid",
            str(server.pid),
            "--connections",
            str(CONNECTIONS),
            "--qos",
            "1",
            "--payload",
            "256",
            "--seconds",
            str(self.arguments.seconds),
        ]

    @staticmethod
    def turns(ours: Daemon, peer: Mosquitto | None):
        return [("ours", ours)] + ([("mosquitto", peer)] if peer else [])

    def load(self, what: str, who: str, options: list[str]) -> dict:
        return self.samples.keep(what, who, self.json_of([str(self.arguments.mqttload), *options, "--json"]))

    def raw_producer(self, what: str, in_flight: int, seconds: float, rate: int = 0) -> dict:
        command = [
            str(self.arguments.rawproducer),
            "--brokers",
            self.kafka.bootstrap,
            "--topic",
            TOPIC,
            "--in-flight",
            str(in_flight),
            "--keys",
            str(CONNECTIONS),
            "--payload",
            "256",
            "--seconds",
            str(seconds),
            "--rate",
            str(rate),
        ]
        for name, value in self.arguments.property.items():
            command += ["--property", f"{name}={value}"]
        return self.samples.keep(what, "librdkafka", self.json_of(command))

    def json_of(self, command: list[str]) -> dict:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)}\n{done.stderr.strip()}\nserver output is in {self.directory}")
        return json.loads(done.stdout)

    @staticmethod
    def say(text: str) -> None:
        print(f"-- {text}", file=sys.stderr, flush=True)


def table(samples: Samples) -> str:
    """Median and range of ours, its budget, and the peers' medians with ours as a multiple of them."""
    header = ("", "ours", "(min … max)", "budget", "ours/budget", "librdkafka", "ours/it", "mosquitto", "ours/it")
    lines = [header]
    for row in ROWS:
        by_who = samples.values.get(row.key, {})
        ours = by_who.get("ours")
        if not ours:
            continue

        def text(value: float, digits: int = row.digits) -> str:
            return f"{value:,.{digits}f}"

        median = statistics.median(ours)
        cells = [f"{row.title} [{row.unit}]", text(median), f"({text(min(ours))} … {text(max(ours))})"]
        cells += [text(row.limit), f"{median / row.limit:.2f}"] if row.limit is not None else ["", ""]
        for who in ("librdkafka", "mosquitto"):
            values = by_who.get(who)
            peer = statistics.median(values) if values else 0
            cells += [text(peer), f"{median / peer:.2f}"] if peer > 0 else ["", ""]
        lines.append(tuple(cells))
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])])
        for line in lines
    )


def summary(samples: Samples) -> dict:
    return {
        row.key: {
            "title": row.title.strip(),
            "unit": row.unit,
            "budget": row.limit,
            **{
                who: {"median": statistics.median(values), "values": values}
                for who, values in samples.values[row.key].items()
            },
        }
        for row in ROWS
        if row.key in samples.values
    }


def machine() -> dict:
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit,
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = ROOT / "build" / "release"
    parser.add_argument("--daemon", type=Path, default=build / "mqttproxy")
    parser.add_argument("--mqttload", type=Path, default=build / "tests" / "mqttload")
    parser.add_argument("--rawproducer", type=Path, default=build / "tests" / "rawproducer")
    parser.add_argument("--tree-bench", type=Path, default=build / "tests" / "tree_bench")
    parser.add_argument("--kafka-script", type=Path, default=ROOT / "tests" / "kafka" / "kafka.sh")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="measured time of each uplink run")
    parser.add_argument("--connects", type=int, default=10_000, help="connections of each connect run")
    parser.add_argument(
        "--broker-warmup", type=float, default=10, help="seconds; a cold broker costs its producers more"
    )
    parser.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a librdkafka property for the daemon and for librdkafka alone; repeatable",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=("tree", "idle", "connect", "uplink", "paced", "fanout", "http"),
        help="this measurement and no other; repeatable",
    )
    parser.add_argument("--no-mosquitto", action="store_true")
    arguments = parser.parse_args()
    if not all("=" in text for text in arguments.property):
        parser.error("--property needs NAME=VALUE")
    arguments.property = dict(text.split("=", 1) for text in arguments.property)
    binaries = (
        arguments.daemon,
        arguments.mqttload,
        arguments.rawproducer,
        arguments.tree_bench,
        arguments.kafka_script,
    )
    for binary in binaries:
        if not os.access(binary, os.X_OK):
            parser.error(f"not there or not executable: {binary} (scripts/bench.sh builds everything)")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    # Inherited by the servers: not all of them raise their descriptor limit themselves.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    about = machine()
    try:
        with Kafka(arguments.kafka_script, arguments.output / "kafka") as kafka:
            kafka.make_topic(TOPIC, PARTITIONS)
            bench = Bench(arguments, kafka, arguments.output)
            bench.run()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(table(bench.samples))
    result = arguments.output / f"bench-{about['date'].replace(':', '')}.json"
    result.write_text(
        json.dumps(
            {
                "machine": about,
                "properties": arguments.property,
                "rows": summary(bench.samples),
                "runs": bench.samples.raw,
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )
    print(f"\n{about['commit']}, {about['cpus']} CPUs, {arguments.rounds} rounds; all results: {result}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
