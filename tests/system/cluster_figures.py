"""Measures what many nodes cost that share their sessions through Kafka, and prints one table.

Kafka, three nodes and this client share one machine; the client's own time is in every figure. Nothing here fails
because a figure is high, only where a measurement cannot be made.
"""

import argparse
import asyncio
import itertools
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support import config, mqtt
from support.backend import Backend, message
from support.cluster import Cluster, documents
from support.daemon import Address, Daemon
from support.kafka import Kafka, free_port_pair
from support.mqtt import connected
from support.waiting import wait_until

TOPIC = "figures"
AT_ONCE = 500  # sessions that are made side by side
BATCH = 10_000  # messages in one HTTP request

Row = tuple[str, str]


class Newcomer(asyncio.Protocol):
    """CONNECT with clean session 0, SUBSCRIBE, DISCONNECT: leaves a session behind."""

    def __init__(self, number: int, done: asyncio.Future[None]) -> None:
        self._number = number
        self._done = done
        self._data = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.write(mqtt.connect(f"device{self._number}", clean=False))

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._data == mqtt.connack(0):
            self._transport.write(mqtt.subscribe(1, (f"device/{self._number}/#", 1)))
        elif self._data == mqtt.connack(0) + mqtt.suback(1, 1):
            self._transport.write(mqtt.DISCONNECT)
            self._data = b""

    def connection_lost(self, _error: Exception | None) -> None:
        # The server closes after DISCONNECT; whatever else has come is in the way.
        if self._data:
            self._done.set_exception(RuntimeError(f"device{self._number} got {self._data.hex()}"))
        else:
            self._done.set_result(None)


class Returning(asyncio.Protocol):
    """Resumes its session and takes the messages 0..missed-1 in their order, repetitions left out."""

    def __init__(self, number: int, missed: int, done: asyncio.Future[None]) -> None:
        self._number = number
        self._missed = missed
        self._done = done
        self._next = 0
        self._rest = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.write(mqtt.connect(f"device{self._number}", clean=False))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        acknowledgements = bytearray()
        position = 0
        while len(data) >= position + 2 and len(data) >= (end := position + 2 + data[position + 1]):
            if data[position] >> 4 == 3:
                received = mqtt.message(data[position], data[position + 2 : end])  # all packets here are short
                acknowledgements += mqtt.puback(received.packet_id)
                self._next += int(received.payload) == self._next
            else:
                assert data[position:end] == mqtt.connack(0, True), data[position:end].hex()
            position = end
        self._rest = data[position:]
        if acknowledgements:
            self._transport.write(acknowledgements)
        if self._next == self._missed and not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(f"device{self._number} lost its connection"))


async def make_sessions(addresses: list[Address], count: int) -> None:
    loop = asyncio.get_running_loop()
    numbers = iter(range(count))

    async def work(address: Address) -> None:
        for number in numbers:
            done = loop.create_future()
            await loop.create_connection(lambda: Newcomer(number, done), *address)  # noqa: B023
            await done

    async with asyncio.TaskGroup() as group:
        for address in itertools.islice(itertools.cycle(addresses), AT_ONCE):
            group.create_task(work(address))


async def resume_sessions(addresses: list[Address], count: int, missed: int) -> None:
    """All at once, each on another node than before or not, as it comes."""
    loop = asyncio.get_running_loop()
    turn = itertools.cycle(addresses)

    async def resume(number: int) -> asyncio.Transport:
        done = loop.create_future()
        transport, _ = await loop.create_connection(lambda: Returning(number, missed, done), *next(turn))
        await done
        return transport

    for transport in await asyncio.gather(*map(resume, range(count))):
        transport.close()


def latencies_ms(publish_on: Daemon, subscribe_at: Address, count: int) -> list[float]:
    """From the request to the device, one message under way."""
    arrived: list[float] = []
    sent: list[float] = []
    turn = threading.Semaphore(0)
    client = connected(subscribe_at, "latency").subscribe(("latency", 1))

    def receive() -> None:
        for _ in range(count):
            client.take()
            arrived.append(time.perf_counter())
            turn.release()

    receiver = threading.Thread(target=receive, daemon=True)
    receiver.start()
    with Backend(publish_on) as backend:
        for _ in range(count):
            sent.append(time.perf_counter())
            backend.publish("latency", "x", qos=1)
            turn.acquire()
    receiver.join()
    client.end()
    return [1000 * (end - begin) for begin, end in zip(sent, arrived)]


def latency_row(title: str, values: list[float]) -> Row:
    p50, p99 = statistics.median(values), statistics.quantiles(values, n=100)[98]
    return title, f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"


def takeovers_ms(addresses: list[Address], count: int) -> list[float]:
    """From CONNECT on another node until the earlier connection is closed."""
    taken: list[float] = []
    turn = itertools.cycle(addresses)
    client = connected(next(turn), "nomad", clean=True)
    for _ in range(count):
        begin = time.perf_counter()
        successor = connected(next(turn), "nomad", clean=True)
        client.expect_end()
        taken.append(1000 * (time.perf_counter() - begin))
        client = successor
    client.end()
    return taken


def needle(cluster: Cluster, start: Callable[[str], Daemon], kafka: Kafka, options: argparse.Namespace) -> Row:
    """A session that has missed a few of very many messages comes back to a node that has just started, which has none
    of them in memory."""
    connected(cluster.addresses[0], "needle", clean=False).subscribe(("needle", 1)).end()
    cluster.wait_offline("needle", seen_by=1)
    before = [node.metrics().total("mqttproxy_downlink_records_total") for node in cluster.nodes]
    every = options.haystack // options.needles
    names = ("needle" if number % every == 0 else f"hay/{number % 1000}" for number in range(options.haystack))
    kafka.write(cluster.topic, *((name, str(number)) for number, name in enumerate(names)))
    for node, count in zip(cluster.nodes, before):
        node.wait_metric(count + options.haystack, "mqttproxy_downlink_records_total")
    with Backend(cluster.nodes[0]) as backend:
        wait_until(
            "all is stored as missed", lambda: backend.session("needle").json().get("queued") == options.needles
        )
    port = free_port_pair()
    node = start(documents("node-needle", kafka.address, TOPIC, ("127.0.0.1", port), ("127.0.0.1", port + 1)))
    wait_until("the node is ready", node.ready)
    begin = time.perf_counter()
    with connected(("127.0.0.1", port), "needle", clean=False, session_present=True) as client:
        client.take(options.needles)
        seconds = time.perf_counter() - begin
        client.end()
    node.stop()
    return f"a session that missed {options.needles} of {options.haystack:,} messages has them", f"{seconds:.2f} s"


def fresh_node(start: Callable[[str], Daemon], kafka: Kafka) -> tuple[float, int]:
    """Seconds from the log line to /readyz 200, and bytes of resident memory then."""
    port = free_port_pair()
    text = documents("node-fresh", kafka.address, TOPIC, ("127.0.0.1", port), ("127.0.0.1", port + 1))
    node = start(text)
    begin = time.perf_counter()
    wait_until("the node is ready", node.ready, pause=0.01)
    seconds = time.perf_counter() - begin
    rss = node.rss_bytes()
    node.stop()
    return seconds, rss


def publish_missed(cluster: Cluster, devices: int, missed: int) -> None:
    before = [node.metrics().total("mqttproxy_downlink_records_total") for node in cluster.nodes]
    with Backend(cluster.nodes[0]) as backend:
        for number in range(missed):
            for first in range(0, devices, BATCH):
                batch = range(first, min(first + BATCH, devices))
                response = backend.post([message(f"device/{i}/m", str(number), qos=1) for i in batch])
                assert response.status == 200, response
    for node, count in zip(cluster.nodes, before):
        node.wait_metric(count + devices * missed, "mqttproxy_downlink_records_total")


@contextmanager
def starting(directory: Path) -> Iterator[Callable[[str], Daemon]]:
    with ExitStack() as stack:

        def start(text: str) -> Daemon:
            daemon = Daemon(text, directory / f"daemon{len(list(directory.iterdir()))}")
            stack.callback(daemon.stop)
            return daemon

        yield start


def measure(options: argparse.Namespace, directory: Path, kafka: Kafka) -> Iterator[Row]:
    (directory / "nodes").mkdir()
    with starting(directory / "nodes") as start:
        alone = start(config.simple(kafka.address))
        alone.wait_ready()
        cluster = Cluster(start, kafka, TOPIC)
        local = latencies_ms(alone, alone.address(), options.publishes)
        yield latency_row("HTTP to device, mode local", local)
        yield latency_row(
            "HTTP to device, mode kafka", latencies_ms(cluster.nodes[1], cluster.addresses[0], options.publishes)
        )

        yield latency_row("takeover by another node", takeovers_ms(cluster.addresses, options.takeovers))
        yield needle(cluster, start, kafka, options)

        empty_seconds, empty_rss = fresh_node(start, kafka)
        yield "start to ready, no sessions", f"{empty_seconds:.2f} s"
        begin = time.perf_counter()
        asyncio.run(make_sessions(cluster.addresses, options.sessions))
        rate = options.sessions / (time.perf_counter() - begin)
        yield "sessions made: CONNECT, SUBSCRIBE, DISCONNECT", f"{rate:,.0f} /s"
        seconds, rss = fresh_node(start, kafka)
        yield f"start to ready, {options.sessions:,} sessions", f"{seconds:.2f} s"
        yield "resident memory per session of a node just started", f"{(rss - empty_rss) / options.sessions:,.0f} B"

        publish_missed(cluster, options.returning, options.missed)
        begin = time.perf_counter()
        asyncio.run(resume_sessions(cluster.addresses, options.returning, options.missed))
        seconds = time.perf_counter() - begin
        rate = options.returning * options.missed / seconds
        title = f"{options.returning:,} sessions come back at once, {options.missed} missed messages each"
        yield title, f"{seconds:.1f} s, {rate:,.0f} messages/s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100_000, help="sessions that are stored (%(default)s)")
    parser.add_argument("--returning", type=int, default=10_000, help="of these come back at once (%(default)s)")
    parser.add_argument("--missed", type=int, default=100, help="messages each of them has missed (%(default)s)")
    parser.add_argument("--takeovers", type=int, default=500, help="takeovers to measure (%(default)s)")
    parser.add_argument("--haystack", type=int, default=1_000_000, help="messages of which … (%(default)s)")
    parser.add_argument("--needles", type=int, default=100, help="… one session has missed so many (%(default)s)")
    parser.add_argument("--publishes", type=int, default=2_000, help="messages to measure latency with (%(default)s)")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="mqttproxy-figures-") as name:
        kafka = Kafka(Path(name) / "kafka").start()
        try:
            for title, value in measure(options, Path(name), kafka):
                print(f"{title:<68} {value:>32}", flush=True)
        finally:
            kafka.kill()
    print(f"\nloopback, {os.cpu_count()} cores for Kafka, three nodes and the client")
    return 0


if __name__ == "__main__":
    sys.exit(main())
