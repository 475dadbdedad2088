"""The measurements of one round. Each takes the servers in the order of this round; all of them are running."""

import json
import subprocess
import time
from contextlib import ExitStack

from rows import CONNECTIONS, FANOUT_TARGET_US, IDLE_CONNECTIONS, PACED_RATE, SUBSCRIBERS, TREE_FILTERS, UNDER_WAY
from servers import BenchError, Daemon, Process, resident_bytes
from tools import Tools, options

LOGIN = {"username": "test", "password": "test"}


def start(tools: Tools, server: Process, stack: ExitStack) -> None:
    """Starts the server while a client tries to get one QoS 1 message acknowledged."""
    command = [str(tools.programs.mqttload), "first", "--port", str(server.port), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        begin_ns = time.monotonic_ns()
        stack.enter_context(server)
        output, _ = first.communicate()
    if first.returncode != 0:
        raise BenchError(f"{server.name} acknowledged nothing after its start; see {server.log}")
    result = tools.samples.keep("start", server.name, json.loads(output))
    tools.samples.add("start_s", server.name, (result["acknowledged_at_ns"] - begin_ns) / 1e9)
    tools.samples.add("start_rss", server.name, resident_bytes(server.pid) / 2**20)


def tree(tools: Tools, _servers: list[Process]) -> None:
    for key, filters in TREE_FILTERS.items():
        result = tools.tree(key, filters)
        for what in ("match", "subscribe", "unsubscribe", "leave_large"):
            tools.samples.add(f"{key}_{what}", "ours", result[f"{what}_ns"] / 1000)
        # What it allocated, or what that made resident: the larger of the two.
        bytes_each = max(result["bytes_per_subscription"], result["resident_bytes_per_subscription"])
        tools.samples.add(f"{key}_bytes", "ours", bytes_each)


def idle(tools: Tools, servers: list[Process]) -> None:
    plain = tools.load_in_turn(
        "idle plain", servers, lambda server: options("idle", server, connections=IDLE_CONNECTIONS)
    )
    with ExitStack() as stack:
        # New processes: what plain connections have left behind would be used again.
        fresh = [server.again(file=f"{server.name}-tls") for server in with_tls(servers)]
        for server in fresh:
            stack.enter_context(server)
            tools.wait_serving(server)
            # What OpenSSL takes once is no connection's.
            tools.json_of([str(tools.programs.mqttload), *tls_options("connect", server, count=100), "--json"])
        tls = tools.load_in_turn(
            "idle TLS", fresh, lambda server: tls_options("idle", server, connections=IDLE_CONNECTIONS)
        )
    for key, results in (("idle_plain_bytes", plain), ("idle_tls_bytes", tls)):
        for who, result in results.items():
            tools.samples.add(key, who, result["resident_bytes_per_connection"])


def connect(tools: Tools, servers: list[Process]) -> None:
    """Only the daemon checks a password: it has a pipeline for that, and the peers would need a file each."""

    def load(server: Process) -> list[str]:
        login = {"port": server.auth_port, **LOGIN} if isinstance(server, Daemon) else {}
        return options("connect", server, count=connects(tools), **login)

    for who, result in tools.load_in_turn("connect", servers, load).items():
        tools.samples.add("connect_cpu", who, result["server_cpu_us"]["total"])
        tools.samples.add("connect_rate", who, result["per_second"])


def tls(tools: Tools, servers: list[Process]) -> None:
    for mode in ("full", "resumed"):
        count = connects(tools) // 4

        def load(server: Process, mode: str = mode, count: int = count) -> list[str]:
            return tls_options("connect", server, tls=mode, count=count)

        for who, result in tools.load_in_turn(f"TLS {mode}", with_tls(servers), load).items():
            if mode == "resumed" and result["tls_resumed"] < count * 0.95:
                tools.samples.note(f"{who} resumed {result['tls_resumed']:,} of {count:,} TLS handshakes only")
            tools.samples.add(f"tls_{mode}_cpu", who, result["server_cpu_us"]["total"])
            tools.samples.add(f"tls_{mode}_rate", who, result["per_second"])


def uplink(tools: Tools, servers: list[Process]) -> None:
    for key, window, qos in (("uplink_w32", 32, 1), ("uplink_w1", 1, 1), ("uplink_q2", 32, 2)):
        results = tools.load_in_turn(
            key,
            servers,
            lambda server, window=window, qos=qos: uplink_options(tools, server, window=window, qos=qos),
            lambda key=key, window=window: tools.raw_producer(key, window * CONNECTIONS, tools.seconds),
        )
        for who, result in results.items():
            tools.samples.add(f"{key}_cpu", who, cpu_us(result))
            tools.samples.add(f"{key}_rate", who, result["per_second"])
            tools.samples.add(f"{key}_p50", who, result["latency_us"]["p50"] / 1000)


def paced(tools: Tools, servers: list[Process]) -> None:
    results = tools.load_in_turn(
        "paced",
        servers,
        lambda server: uplink_options(tools, server, qos=1, rate=PACED_RATE),
        lambda: tools.raw_producer("paced", 1600, tools.seconds, rate=PACED_RATE),
    )
    for who, result in results.items():
        tools.samples.add("paced_cpu", who, cpu_us(result))
        for percentile in ("p50", "p99"):
            tools.samples.add(f"paced_{percentile}", who, result["latency_us"][percentile] / 1000)


def fanout(tools: Tools, servers: list[Process]) -> None:
    """Ours is published to by HTTP, the peers by MQTT: they have nothing else."""
    brokers = [server for server in servers if server.name != "sink"]
    fanout_of(tools, brokers, "fanout")


def kafkafan(tools: Tools, servers: list[Process]) -> None:
    """The same with a node whose messages to devices go through Kafka: what several nodes need."""
    ours = next(server for server in servers if isinstance(server, Daemon))
    with ExitStack() as stack:
        node = ours.again(downlink_topic="bench-downlink", file="mqttproxy-downlink")
        stack.enter_context(node)
        tools.wait_serving(node)
        node.wait_ready()
        fanout_of(tools, [node], "kafkafan")


def fanout_of(tools: Tools, servers: list[Process], name: str) -> None:
    for qos in FANOUT_TARGET_US:
        for under_way in UNDER_WAY:
            key = f"{name}_q{qos}_k{under_way}"

            def load(server: Process, qos: int = qos, under_way: int = under_way) -> list[str]:
                return fanout_options(tools, server, SUBSCRIBERS, qos, under_way)

            for who, result in tools.load_in_turn(key, servers, load).items():
                tools.samples.add(f"{key}_cpu", who, cpu_us(result))
                tools.samples.add(f"{key}_rate", who, result["per_second"])
                tools.samples.add(f"{key}_p50", who, result["latency_us"]["p50"] / 1000)


def http(tools: Tools, servers: list[Process]) -> None:
    ours = [server for server in servers if isinstance(server, Daemon)]
    for under_way in UNDER_WAY:
        key = f"http_k{under_way}"
        result = tools.load_in_turn(
            key, ours, lambda server, under_way=under_way: fanout_options(tools, server, 1, 1, under_way)
        )["ours"]
        tools.samples.add(f"{key}_cpu", "ours", result["server_cpu_us_per_message"]["total"])
        tools.samples.add(f"{key}_rate", "ours", result["messages"] / result["seconds"])
        tools.samples.add(f"{key}_p50", "ours", result["latency_us"]["p50"] / 1000)


MEASUREMENTS = {
    "tree": tree,
    "idle": idle,
    "connect": connect,
    "tls": tls,
    "uplink": uplink,
    "paced": paced,
    "fanout": fanout,
    "kafkafan": kafkafan,
    "http": http,
}


def tls_options(mode: str, server: Process, tls: str = "full", **values: object) -> list[str]:
    return options(mode, server, port=server.tls_port, tls=tls, **values)


def uplink_options(tools: Tools, server: Process, **values: object) -> list[str]:
    return options(
        "uplink", server, **{"connections": CONNECTIONS, "payload": 256, "seconds": tools.seconds, **values}
    )


def fanout_options(tools: Tools, server: Process, subscribers: int, qos: int, under_way: int) -> list[str]:
    by_http = {"http_port": server.api_port} if server.http else {}
    return options(
        "fanout",
        server,
        connections=subscribers,
        concurrency=under_way,
        qos=qos,
        payload=256,
        seconds=tools.seconds,
        **by_http,
    )


def connects(tools: Tools) -> int:
    return round(2_500 * tools.seconds)


def with_tls(servers: list[Process]) -> list[Process]:
    return [server for server in servers if hasattr(server, "tls_port")]


def cpu_us(result: dict) -> float:
    """Of mqttload's server, or of the raw producer."""
    return result.get("server_cpu_us", result.get("cpu_us"))["total"]
