#!/usr/bin/env python3
"""Measures what the daemon costs and prints it beside its targets, its peers and its floors.

All servers run on this machine over loopback and take turns within each round, so that a noisy moment hits all of
them; a figure is the median over the rounds. CPU time per message is the figure to trust: it is user plus system of
all threads of the server's process, with the load generator and Kafka left out. Nothing here fails because a figure
is high; only a measurement that could not be made (a refused connection, a wrong acknowledgement) is an error.
"""

import argparse
import datetime
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import curves
import measure
import peers
import report
import results
from servers import BenchError, Certificate, Daemon, Kafka
from tools import TOPIC, Programs, Samples, Tools, say

PARTITIONS = 4
BUILD = results.ROOT / "build" / "release"
PEERS = results.ROOT / "build" / "peers"
PROGRAMS = Programs(
    daemon=BUILD / "mqttproxy",
    mqttload=BUILD / "tests" / "mqttload",
    rawproducer=BUILD / "tests" / "rawproducer",
    tree_bench=BUILD / "tests" / "tree_bench",
    sink=BUILD / "tests" / "sink",
)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--daemon", type=Path, default=PROGRAMS.daemon, help="another build of mqttproxy")
    parser.add_argument("--output", type=Path, default=results.ROOT / "build" / "bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="measured time of each run under load")
    parser.add_argument("--curves", action="store_true", help="how costs grow, instead of the table")
    parser.add_argument("--docs", action="store_true", help="take the result into docs/PERFORMANCE.md")
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
        choices=(*measure.MEASUREMENTS, *curves.CURVES),
        help="this measurement (with --curves: this curve) and no other; repeatable",
    )
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    if not all("=" in text for text in arguments.property):
        parser.error("--property needs NAME=VALUE")
    arguments.property = dict(text.split("=", 1) for text in arguments.property)
    if arguments.docs and arguments.only:
        parser.error("--docs needs everything, not --only")
    return arguments


class Run:
    """What a table and a set of curves have in common: rounds, and what is said about them."""

    def __init__(self, arguments: argparse.Namespace, tools: Tools, certificate: Certificate):
        self.arguments = arguments
        self.tools = tools
        self.certificate = certificate
        self.rounds: list[dict] = []
        self.makers: dict[str, peers.Maker] = {}
        if not arguments.no_peers and not arguments.curves:
            self.makers, notes = peers.find(PROGRAMS.sink, PEERS, tools.directory, certificate)
            for note in notes:
                tools.samples.note(note)

    def daemon(self, **options: object) -> Daemon:
        return Daemon(
            self.arguments.daemon,
            self.tools.kafka,
            TOPIC,
            self.tools.directory,
            self.certificate,
            properties=self.arguments.property,
            **options,
        )

    def wanted(self, name: str) -> bool:
        return not self.arguments.only or name in self.arguments.only

    def go(self, after_round: Callable[[], object]) -> None:
        say("warming the broker up")
        self.tools.raw_producer("warm-up", 1600, self.arguments.broker_warmup)
        for number in range(1, self.arguments.rounds + 1):
            self.rounds.append({"number": number, "load_average": os.getloadavg()[0]})
            say(f"round {number} of {self.arguments.rounds}, load average {self.rounds[-1]['load_average']:.2f}")
            if self.arguments.curves:
                for name, curve in curves.CURVES.items():
                    if self.wanted(name):
                        say(f"  {name}")
                        curve.measure(self.tools, self.daemon)
            else:
                self.table_round(number)
            after_round()

    def table_round(self, number: int) -> None:
        with ExitStack() as stack:
            servers = [self.daemon()]
            measure.start(self.tools, servers[0], stack)
            for name, make in list(self.makers.items()):
                try:
                    peer = make()
                    measure.start(self.tools, peer, stack)
                    servers.append(peer)
                except BenchError as error:
                    self.tools.samples.note(f"{name} is left out: {error}")
                    del self.makers[name]
            # Nobody is always the first or always the last.
            turn = number % len(servers)
            for name, measurement in measure.MEASUREMENTS.items():
                if self.wanted(name):
                    say(f"  {name}")
                    measurement(self.tools, servers[turn:] + servers[:turn])

    def result(self, about: dict) -> dict:
        found = curves.summary(self.tools.samples) if self.arguments.curves else results.summary(self.tools.samples)
        kind = "curves" if self.arguments.curves else "bench"
        return {
            "kind": kind,
            "machine": about,
            "versions": {**results.library_versions(), **peers.versions(list(self.makers), PEERS)},
            "rounds": self.rounds,
            "seconds": self.arguments.seconds,
            "properties": self.arguments.property,
            "notes": self.tools.samples.notes,
            "curves" if self.arguments.curves else "rows": found,
            "runs": self.tools.samples.raw,
        }


def show(result: dict) -> None:
    if result["kind"] == "bench":
        print(report.as_text(report.HEADER, report.bench_lines(result)))
        return
    for curve in result["curves"]:
        print(f"{curve['title']}\n{report.as_text(*report.curve_lines(curve))}\n{curve['finding']}\n")


def main() -> int:
    arguments = parse_arguments()
    # However the run is ended, its servers end with it; in the background SIGINT would be ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    arguments.output.mkdir(parents=True, exist_ok=True)
    # Inherited by the servers: not all of them raise their descriptor limit themselves.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    about = results.machine()
    stamp = datetime.datetime.fromisoformat(about["date"]).strftime("%Y%m%dT%H%M%S")
    file = arguments.output / f"{'curves' if arguments.curves else 'bench'}-{stamp}.json"
    kafka_script = results.ROOT / "tests" / "kafka" / "kafka.sh"
    try:
        with Kafka(kafka_script, arguments.output / "kafka") as kafka:
            kafka.make_topic(TOPIC, PARTITIONS)
            tools = Tools(PROGRAMS, kafka, Samples(), arguments.seconds, arguments.property, arguments.output)
            run = Run(arguments, tools, Certificate(arguments.output))
            # A run that is interrupted leaves the rounds it has done.
            run.go(lambda: results.write(file, run.result(about)))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    result = run.result(about)
    show(result)
    print("\n" + report.about(result))
    print(f"\nall results: {file}")
    if arguments.docs:
        report.keep(file)
        report.PAGE.write_text(report.written(report.PAGE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
