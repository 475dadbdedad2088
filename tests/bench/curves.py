"""How costs grow: one thing is made larger, step by step, and what each step costs is put beside it.

Whatever grows faster than the thing itself is named: between two neighbouring steps the total cost may grow by a power
of at most 1.1.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from measure import cpu_us
from results import median
from servers import Process, resident_bytes
from tools import Samples, Tools, options

MOST_POWER = 1.1
MakeDaemon = Callable[..., Process]


@dataclass(frozen=True)
class Column:
    """`each`: the value is of one of the x things, and their total is x times as much. `checked`: a cost; else it is
    only shown (a rate, a latency)."""

    title: str
    digits: int = 2
    each: bool = True
    checked: bool = True


@dataclass(frozen=True)
class Curve:
    title: str
    unit: str
    steps: tuple[int, ...]
    columns: dict[str, Column]
    measure: Callable[[Tools, MakeDaemon], None]


def keep(tools: Tools, curve: str, x: int, **values: float) -> None:
    for column, value in values.items():
        tools.samples.add(f"{curve}/{column}/{x}", "ours", value)


def connections(tools: Tools, daemon: MakeDaemon) -> None:
    for count in CURVES["connections"].steps:
        with ExitStack() as stack:
            server = stack.enter_context(daemon())
            server.wait_ready()
            tools.load(f"warm-up for {count}", "ours", options("connect", server, count=max(count // 10, 100)))
            idle = tools.load(f"{count} idle", "ours", options("idle", server, connections=count))
            load = options(
                "uplink", server, connections=count, window=4, payload=256, seconds=tools.seconds, client_prefix="up-"
            )
            busy = tools.load(f"{count} connections", "ours", load)
            each = idle["resident_bytes_per_connection"]
            # Some hundred bytes drown in pages that come and go.
            memory = {"bytes": each} if count >= 1_000 else {}
            keep(
                tools,
                "connections",
                count,
                cpu=cpu_us(busy),
                rate=busy["per_second"],
                p50=busy["latency_us"]["p50"] / 1000,
                **memory,
            )


def payload(tools: Tools, daemon: MakeDaemon) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(daemon())
        server.wait_ready()
        for size in CURVES["payload"].steps:
            load = options("uplink", server, connections=50, window=8, payload=size, seconds=tools.seconds)
            ours = tools.load(f"{size} B", "ours", load)
            floor = tools.raw_producer(f"{size} B", 400, tools.seconds, payload=size)
            keep(
                tools,
                "payload",
                size,
                cpu=cpu_us(ours),
                floor=cpu_us(floor),
                rate=ours["per_second"],
                mib=ours["per_second"] * size / 2**20,
            )


def subscriptions(tools: Tools, daemon: MakeDaemon) -> None:
    for count in CURVES["subscriptions"].steps:
        result = tools.tree(f"{count} subscriptions", count)
        memory = result["bytes_per_subscription"]
        keep(
            tools,
            "subscriptions",
            count,
            match=result["match_ns"] / 1000,
            hits=result["hits_per_match"],
            subscribe=result["subscribe_ns"] / 1000,
            unsubscribe=result["unsubscribe_ns"] / 1000,
            # A handful of subscriptions stands in tables that are made for more.
            **({"bytes": memory} if count >= 1_000 else {}),
        )


def workers(tools: Tools, daemon: MakeDaemon) -> None:
    for count in CURVES["workers"].steps:
        with ExitStack() as stack:
            server = stack.enter_context(daemon(threads=count))
            server.wait_ready()
            values = {"rss": resident_bytes(server.pid) / 2**20}
            for name, window in (("w32", 32), ("w1", 1)):
                load = options("uplink", server, connections=50, window=window, payload=256, seconds=tools.seconds)
                result = tools.load(f"{count} workers, window {window}", "ours", load)
                values[f"{name}_cpu"] = cpu_us(result)
                values[f"{name}_rate"] = result["per_second"]
            login = {"port": server.auth_port, "username": "test", "password": "test"}
            load = options("connect", server, count=round(2_500 * tools.seconds), **login)
            values["connect_cpu"] = cpu_us(tools.load(f"{count} workers, connect", "ours", load))
            fanout = options(
                "fanout",
                server,
                http_port=server.api_port,
                connections=1_000,
                concurrency=8,
                qos=1,
                payload=256,
                seconds=tools.seconds,
            )
            values["fanout_cpu"] = cpu_us(tools.load(f"{count} workers, fan-out", "ours", fanout))
            keep(tools, "workers", count, **values)


CURVES = {
    "connections": Curve(
        "QoS 1 uplink by number of connections (window 4, 256 B), and what each costs idle",
        "connections",
        (1, 10, 100, 1_000, 10_000),
        {
            "cpu": Column("CPU per message [µs]"),
            "rate": Column("messages [1/s]", 0, checked=False),
            "p50": Column("acknowledged, p50 [ms]", checked=False),
            "bytes": Column("RSS per idle connection [B]", 0),
        },
        connections,
    ),
    "payload": Curve(
        "QoS 1 uplink by size of the payload (50 connections, window 8)",
        "bytes",
        (64, 256, 1_024, 4_096, 16_384, 65_536),
        {
            "cpu": Column("CPU per message [µs]", each=False),
            "floor": Column("librdkafka alone [µs]", each=False, checked=False),
            "rate": Column("messages [1/s]", 0, checked=False),
            "mib": Column("payload [MiB/s]", 1, checked=False),
        },
        payload,
    ),
    "subscriptions": Curve(
        "Subscription tree by number of subscriptions (one worker)",
        "subscriptions",
        (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000),
        {
            "match": Column("match [µs]", 3, each=False),
            "hits": Column("hits per match", 1, checked=False),
            "subscribe": Column("subscribe, each [µs]", 3),
            "unsubscribe": Column("unsubscribe, each [µs]", 3),
            "bytes": Column("memory, each [B]", 0),
        },
        subscriptions,
    ),
    "workers": Curve(
        "Workers (`threads`); load generator and Kafka share the same cores",
        "workers",
        (1, 2),
        {
            "w32_cpu": Column("QoS 1 uplink, window 32: CPU [µs]", checked=False),
            "w32_rate": Column("messages [1/s]", 0, checked=False),
            "w1_cpu": Column("window 1: CPU [µs]", checked=False),
            "w1_rate": Column("messages [1/s]", 0, checked=False),
            "connect_cpu": Column("CONNECT with password: CPU [µs]", 1, checked=False),
            "fanout_cpu": Column("fan-out QoS 1, per delivery: CPU [µs]", checked=False),
            "rss": Column("RSS at start [MiB]", 1, checked=False),
        },
        workers,
    ),
}


def finding(curve: Curve, points: dict[str, dict[str, float]]) -> str:
    """Names each step at which a total grows faster than x."""
    worse = []
    for name, column in curve.columns.items():
        known = [x for x in curve.steps if str(x) in points[name]] if column.checked else []
        for before, after in zip(known, known[1:]):
            growth = points[name][str(after)] / points[name][str(before)]
            power = math.log(growth) / math.log(after / before) + (1 if column.each else 0)
            if power > MOST_POWER:
                worse.append(f"{column.title} from {before:,} to {after:,} (power {power:.2f})")
    if worse:
        return "Worse than linear: " + "; ".join(worse) + "."
    checked = any(column.checked for column in curve.columns.values())
    return "Nothing here is worse than linear." if checked else ""


def summary(samples: Samples) -> list[dict]:
    result = []
    for name, curve in CURVES.items():
        points = {
            column: {
                str(x): median(samples.values[f"{name}/{column}/{x}"]["ours"])
                for x in curve.steps
                if f"{name}/{column}/{x}" in samples.values
            }
            for column in curve.columns
        }
        if not any(points.values()):
            continue
        columns = {
            key: {"title": column.title, "digits": column.digits, "points": points[key]}
            for key, column in curve.columns.items()
        }
        result.append(
            {
                "name": name,
                "title": curve.title,
                "unit": curve.unit,
                "x": list(curve.steps),
                "columns": columns,
                "finding": finding(curve, points),
            }
        )
    return result
