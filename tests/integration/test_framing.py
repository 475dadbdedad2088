"""TCP delivers bytes, not packets: every way of cutting the stream means the same."""

import hashlib

import pytest

from support import config, mqtt
from support.daemon import Daemon
from support.kafka import read_topic
from support.mqtt import Client, connected


def stored_by(daemon: Daemon, client_id: str) -> list[str | None]:
    records = read_topic(daemon.embedded_kafka, "uplink")
    return [record.payload for record in records if record.key == client_id]


def conversation(client_id: str) -> bytes:
    """Most of what a device says in its life."""
    return b"".join(
        [
            mqtt.connect(client_id, keep_alive=60),
            mqtt.publish("a/b", b"zero"),
            mqtt.publish("a/b", b"one", qos=1, packet_id=1),
            mqtt.PINGREQ,
            mqtt.subscribe(2, ("a/#", 0)),
            mqtt.unsubscribe(3, "a/#"),
        ]
    )


# PUBACK waits for Kafka, so its place among the other answers is open: they are compared sorted.
ANSWERS = sorted(
    [mqtt.connack(), mqtt.puback(1), mqtt.PINGRESP, mqtt.suback(2, 0), mqtt.unsuback(3)]
)


def receive_answers(client: Client) -> list[bytes]:
    packets = []
    for _ in ANSWERS:
        head = client.receive(2)
        packets.append(head + client.receive(head[1]))
    return sorted(packets)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 4096])
def test_packets_may_arrive_in_pieces_of_any_size(daemon: Daemon, size: int) -> None:
    client_id = f"pieces-{size}"
    said = conversation(client_id)
    with Client(daemon.address()) as client:
        for begin in range(0, len(said), size):
            client.send(said[begin : begin + size])
        assert receive_answers(client) == ANSWERS
        client.end()
    assert stored_by(daemon, client_id) == ["zero", "one"]


def test_many_packets_may_arrive_in_one_write(daemon: Daemon) -> None:
    count = 500
    with Client(daemon.address()) as client:
        client.send(
            mqtt.connect("many"),
            *(mqtt.publish("t", b"%d" % i, qos=1, packet_id=i + 1) for i in range(count)),
        )
        client.expect(mqtt.connack(), *(mqtt.puback(i + 1) for i in range(count)))
    assert stored_by(daemon, "many") == [str(i) for i in range(count)]


def test_a_large_payload_arrives_unchanged(daemon: Daemon) -> None:
    payload = ("0123456789abcdef" * 60_000)[:950_000].encode()
    with connected(daemon.address(), "large") as client:
        client.send(mqtt.publish("t", b"before", qos=1, packet_id=1))
        client.send(mqtt.publish("t", payload, qos=1, packet_id=2))
        client.send(mqtt.publish("t", b"after", qos=1, packet_id=3))
        client.expect(mqtt.puback(1), mqtt.puback(2), mqtt.puback(3))
    before, large, after = stored_by(daemon, "large")
    assert (before, after) == ("before", "after")
    assert large is not None and hashlib.sha256(large.encode()).digest() == hashlib.sha256(payload).digest()


def test_several_large_packets_back_to_back(daemon: Daemon) -> None:
    payloads = [bytes([ord("a") + i]) * (100_000 + i) for i in range(8)]
    with connected(daemon.address(), "large-burst") as client:
        client.send(*(mqtt.publish("t", data, qos=1, packet_id=i + 1) for i, data in enumerate(payloads)))
        client.expect(*(mqtt.puback(i + 1) for i in range(len(payloads))))
    assert stored_by(daemon, "large-burst") == [data.decode() for data in payloads]


def test_packet_size_limit_holds_to_the_byte(start_daemon) -> None:
    limit = 2_000
    daemon = start_daemon(config.simple(limits={"maxPacketSize": limit}))
    fitting = next(
        packet for size in range(limit, 0, -1) if len(packet := mqtt.publish("t", b"x" * size, qos=1)) <= limit
    )
    too_large = mqtt.publish("t", b"x" * limit, qos=1)
    with connected(daemon.address(), "a") as client:
        client.send(fitting)
        client.expect(mqtt.puback(1))
        client.send(too_large[:3])  # the header alone is enough to know
        client.expect_closed()
    daemon.wait_metric(1, "mqttproxy_protocol_errors_total", kind="packet_too_large")


def test_a_record_too_large_for_kafka_closes_the_connection_without_an_ack(start_daemon) -> None:
    daemon = start_daemon(config.simple(limits={"maxPacketSize": "4MiB"}))
    with connected(daemon.address(), "a") as client:
        client.send(mqtt.publish("t", b"x" * 2_000_000, qos=1, packet_id=1))
        client.expect_closed()
    with connected(daemon.address(), "a") as client:
        client.send(mqtt.publish("t", b"small", qos=1, packet_id=1))
        client.expect(mqtt.puback(1))
