"""The promises against a real Kafka, healthy, killed, hanging and absent: acked means stored, and order holds."""

import signal
import time
from collections.abc import Callable

import pytest

from support import config, mqtt
from support.daemon import Daemon
from support.delivery import assert_acked_is_stored, assert_exactly_once, assert_in_order
from support.fleet import Device, Fleet
from support.kafka import Kafka
from support.mqtt import connected
from support.paho_device import PahoDevice
from support.waiting import wait_until

PAHO_WINDOW = 20  # what paho-mqtt keeps in flight


def documents(kafka: Kafka, topic: str, port: int = 0, **kafka_keys: object) -> str:
    backend = config.kafka_filter(kafka.address, topic, **kafka_keys)
    return config.render(config.node(), config.proxy(port=port), config.pipeline("publish", backend))


def paho_devices(daemon: Daemon, count: int) -> list[PahoDevice]:
    return [PahoDevice(daemon.address(), f"paho{i}", "paho/topic") for i in range(count)]


def fleet(daemon: Daemon, name: str, count: int) -> Fleet:
    devices = [Device(f"{name}{i}", "fleet/topic", count, window=100, padding=200) for i in range(20)]
    return Fleet(devices, daemon.address).start()


def test_ten_thousand_messages_of_fifty_clients_arrive_exactly_once_in_order(
    kafka: Kafka, start_daemon, topic: str
) -> None:
    daemon = start_daemon(documents(kafka, topic))
    devices = [Device(f"dev{i}", f"devices/{i}", count=200, window=1 + i) for i in range(50)]
    Fleet(devices, daemon.address).start().finish()
    assert_exactly_once({device.client_id: 200 for device in devices}, kafka.read(topic))
    assert all(device.connections == 1 for device in devices)


def test_a_foreign_client_library_arrives_exactly_once_in_order(kafka: Kafka, start_daemon, topic: str) -> None:
    daemon = start_daemon(documents(kafka, topic))
    devices = paho_devices(daemon, 10)
    for device in devices:
        device.publish(500)
    for device in devices:
        device.wait_all_acked()
        device.close()
    assert_exactly_once({device.client_id: 500 for device in devices}, kafka.read(topic))


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param(Kafka.kill, Kafka.start, id="killed"),
        pytest.param(Kafka.pause, Kafka.resume, id="hanging"),
        pytest.param(Kafka.stop, Kafka.start, id="stopped"),
    ],
)
def test_a_kafka_outage_loses_and_reorders_nothing(
    new_kafka, start_daemon, begin: Callable[[Kafka], object], end: Callable[[Kafka], object]
) -> None:
    kafka = new_kafka().start()
    topic = kafka.create_topic("outage")
    # More is offered during the outage than the queue holds: reading has to stop.
    daemon = start_daemon(documents(kafka, topic, queue={"maxMessages": 1_000}))
    daemon.wait_ready()
    before = fleet(daemon, "before", 4_000)
    foreign = paho_devices(daemon, 4)
    for device in foreign:
        device.publish(500)
    before.wait_acked(before.total // 20)
    rss_before = daemon.rss_bytes()

    begin(kafka)
    if begin is not Kafka.stop:  # a clean stop takes its time
        assert before.total_acked < before.total, "the outage has to come in the middle"
    during = fleet(daemon, "during", 1_000)
    for device in foreign:
        device.publish(500)
    wait_until("connections are parked", lambda: daemon.metrics().total("mqttproxy_connections_parked") > 0)
    cpu_before, time_before = daemon.cpu_seconds(), time.monotonic()
    wait_until("/readyz says 503", lambda: not daemon.ready())
    assert daemon.http("/healthz").status == 200
    end(kafka)
    busy = (daemon.cpu_seconds() - cpu_before) / (time.monotonic() - time_before)

    for devices in (before, during):
        devices.finish()
    for device in foreign:
        device.wait_all_acked()
        device.close()
    daemon.wait_ready()
    records = kafka.read(topic)
    acked = before.acked() | during.acked() | {device.client_id: device.acked() for device in foreign}
    assert_acked_is_stored(acked, records)
    assert_in_order(records)
    assert daemon.rss_bytes() - rss_before < 64 << 20
    assert busy < 0.5, "waiting for Kafka must not spin"


def test_nothing_is_acked_while_kafka_is_away(new_kafka, start_daemon) -> None:
    kafka = new_kafka().start()
    topic = kafka.create_topic("away")
    daemon = start_daemon(documents(kafka, topic))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("t", b"before", qos=1, packet_id=1))
        client.expect(mqtt.puback(1))
        kafka.kill()
        client.send(mqtt.publish("t", b"during", qos=1, packet_id=2))
        client.send(mqtt.publish("t", b"during", qos=2, packet_id=3))
        client.expect_alive()  # answered at once, and nothing before it
        wait_until("/readyz says 503", lambda: not daemon.ready())
        client.expect_alive()
        kafka.start()
        client.expect(mqtt.puback(2), mqtt.pubrec(3))
    assert [record.payload for record in kafka.read(topic)] == ["before", "during", "during"]


def test_acked_is_stored_when_the_node_dies_while_kafka_is_away(new_kafka, start_daemon) -> None:
    """What only the dead node knew was never acked, so the devices send it again – to its successor."""
    kafka = new_kafka().start()
    topic = kafka.create_topic("node-dies")
    first = start_daemon(documents(kafka, topic))
    devices = paho_devices(first, 3)
    for device in devices:
        device.publish(100)
    for device in devices:
        device.wait_all_acked()
    kafka.kill()
    for device in devices:
        device.publish(100)

    def taken_by_the_node() -> bool:
        # The second half is what a node does that acks before Kafka has: it takes everything.
        in_flight = first.metrics().total("mqttproxy_unacked")
        return in_flight >= PAHO_WINDOW * len(devices) or all(len(d.acked()) == d.published for d in devices)

    wait_until("messages are in the node and not in Kafka", taken_by_the_node)
    port = first.address()[1]
    first.kill()
    kafka.start()
    start_daemon(documents(kafka, topic, port=port))
    for device in devices:
        device.wait_all_acked()
        device.close()
    records = kafka.read(topic)
    assert_acked_is_stored({device.client_id: device.acked() for device in devices}, records)
    assert_in_order(records)


def test_kafka_may_be_absent_at_the_start(new_kafka, start_daemon) -> None:
    kafka = new_kafka()
    daemon = start_daemon(documents(kafka, "late"))
    response = daemon.http("/readyz")
    assert response.status == 503 and kafka.address in response.body
    (device,) = paho_devices(daemon, 1)
    device.publish(200)
    daemon.wait_metric(PAHO_WINDOW, "mqttproxy_unacked")
    assert device.acked() == []
    kafka.start()
    device.wait_all_acked()
    device.close()
    daemon.wait_ready()
    assert_in_order(kafka.read("late"))
    assert_acked_is_stored({device.client_id: device.acked()}, kafka.read("late"))


def test_sigterm_loses_nothing_that_was_acked(kafka: Kafka, start_daemon, topic: str) -> None:
    daemon = start_daemon(documents(kafka, topic))
    count = 5_000
    with connected(daemon.address(), "c") as client:
        client.send(*(mqtt.publish("t", b"c:%d" % i, qos=1, packet_id=i + 1) for i in range(count)))
        client.expect(mqtt.puback(1))
        daemon.signal(signal.SIGTERM)
        acks = 1 + len(client.receive(4 * count)) // 4
    assert daemon.wait_exit() == 0
    records = kafka.read(topic)
    assert_acked_is_stored({"c": range(acks)}, records)
    assert_in_order(records)


def test_sigterm_with_kafka_away_ends_with_an_error_and_no_false_ack(new_kafka, start_daemon) -> None:
    kafka = new_kafka()
    node = config.node(limits={"drainTimeout": "1s"})
    backend = config.kafka_filter(kafka.address, "never")
    daemon = start_daemon(config.render(node, config.proxy(), config.pipeline("publish", backend)))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("t", b"v", qos=1))
        client.expect_alive()
        daemon.signal(signal.SIGTERM)
        client.expect_closed()
    assert daemon.wait_exit() == 1
    daemon.check_log()
