"""The lines of the table: what is measured, in which unit, and what it may cost.

Lower is better wherever there is a target. CPU is user and system time of all threads of the server's process.
"""

from dataclasses import dataclass

CONNECTIONS = 50
IDLE_CONNECTIONS = 10_000
PACED_RATE = 2_000
SUBSCRIBERS = 1_000
UNDER_WAY = (1, 8)  # publishes at a time
FANOUT_TARGET_US = {0: 2.0, 1: 3.0}  # by QoS, per delivery with several publishes under way
TREE_FILTERS = {"tree_100k": 100_000, "tree_1m": 1_000_000}


@dataclass(frozen=True)
class Row:
    """`target`: None where there is none. `floor`: a peer whose figure of the same run must not be exceeded either."""

    key: str
    title: str
    unit: str
    target: float | None = None
    digits: int = 2
    floor: str = ""


def uplink_rows(key: str, title: str, target: float | None, floor: str = "") -> list[Row]:
    return [
        Row(f"{key}_cpu", f"{title}: CPU per message", "µs", target, floor=floor),
        Row(f"{key}_rate", "  messages per second", "1/s", digits=0),
        Row(f"{key}_p50", "  acknowledged, p50", "ms"),
    ]


def fanout_rows(qos: int, under_way: int) -> list[Row]:
    title = f"fan-out QoS {qos} to {SUBSCRIBERS:,} subscribers, {under_way} under way"
    target = FANOUT_TARGET_US[qos] if under_way > 1 else None
    rows = []
    for key, how in ((f"fanout_q{qos}_k{under_way}", ""), (f"kafkafan_q{qos}_k{under_way}", ", through Kafka")):
        rows += [
            Row(f"{key}_cpu", f"{title}{how}: CPU per delivery", "µs", target),
            Row(f"{key}_rate", "  deliveries per second", "1/s", digits=0),
            Row(f"{key}_p50", "  delivered, p50", "ms"),
        ]
    return rows


def http_rows(under_way: int) -> list[Row]:
    title = f"HTTP publish, one subscriber, {under_way} under way"
    return [
        Row(f"http_k{under_way}_cpu", f"{title}: CPU per publish", "µs", 40.0, 1),
        Row(f"http_k{under_way}_rate", "  publishes per second", "1/s", digits=0),
        Row(f"http_k{under_way}_p50", "  delivered, p50", "ms"),
    ]


ROWS = [
    *uplink_rows("uplink_w32", "QoS 1 uplink, window 32", 2.0, floor="librdkafka"),
    *uplink_rows("uplink_w1", "QoS 1 uplink, window 1", 14.0),
    *uplink_rows("uplink_q2", "QoS 2 uplink, window 32", None),
    Row("paced_cpu", f"QoS 1 uplink paced {PACED_RATE:,}/s: CPU per message", "µs", 60.0, 1),
    Row("paced_p50", "  acknowledged, p50", "ms", 3.0),
    Row("paced_p99", "  acknowledged, p99", "ms"),
    *[row for qos in FANOUT_TARGET_US for under_way in UNDER_WAY for row in fanout_rows(qos, under_way)],
    *[row for under_way in UNDER_WAY for row in http_rows(under_way)],
    Row("connect_cpu", "CONNECT, CONNACK, DISCONNECT (ours with MQTTClientAuth): CPU each", "µs", 30.0, 1),
    Row("connect_rate", "  connections per second", "1/s", digits=0),
    Row("tls_full_cpu", "the same over TLS 1.3, ECDSA P-256, full handshake: CPU each", "µs", digits=0),
    Row("tls_full_rate", "  connections per second", "1/s", digits=0),
    Row("tls_resumed_cpu", "the same over TLS 1.3, resumed: CPU each", "µs", digits=0),
    Row("tls_resumed_rate", "  connections per second", "1/s", digits=0),
    Row("idle_plain_bytes", f"idle connection, plain ({IDLE_CONNECTIONS:,} open): RSS", "B", 1024, 0),
    Row("idle_tls_bytes", f"idle connection, TLS ({IDLE_CONNECTIONS:,} open): RSS", "B", 16 * 1024, 0),
    Row("start_s", "start to first PUBACK", "s", 0.3, 3),
    Row("start_rss", "  RSS then", "MiB", 20, 1),
    Row("tree_1m_match", "subscription tree of 1,000,000 filters, about 5 hits: match", "µs", 1.3),
    Row("tree_1m_bytes", "  memory per subscription", "B", 200, 0),
    Row("tree_1m_subscribe", "  subscribe", "µs"),
    Row("tree_1m_unsubscribe", "  unsubscribe", "µs"),
    Row("tree_1m_leave_large", "  leave a filter of 100,000 subscribers", "µs"),
    Row("tree_100k_match", "subscription tree of 100,000 filters: match", "µs"),
    Row("tree_100k_bytes", "  memory per subscription", "B", digits=0),
]
