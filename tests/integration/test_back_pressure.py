"""A full producer queue or ack window stops reading and nothing else: every message is stored and acked, in order."""

import contextlib
import threading

import pytest

from support import config, mqtt
from support.delivery import assert_exactly_once
from support.fleet import Device, Fleet
from support.kafka import read_topic
from support.mqtt import connected
from support.waiting import wait_until


def test_a_tiny_producer_queue_acks_everything_in_order(start_daemon) -> None:
    daemon = start_daemon(config.simple(kafka={"queue": {"maxMessages": 10}}))
    count = 3_000
    stream = b"".join(mqtt.publish("t", b"b:%d" % i, qos=1, packet_id=i + 1) for i in range(count))
    with connected(daemon.address(), "b") as client:
        writer = threading.Thread(target=client.send, args=(stream,))  # it blocks when the daemon stops reading
        writer.start()
        client.expect(*(mqtt.puback(i + 1) for i in range(count)))
        writer.join()
    assert_exactly_once({"b": count}, read_topic(daemon.embedded_kafka, "uplink"))
    metrics = daemon.metrics()
    assert metrics.total("mqttproxy_parks_total", cause="producer_queue") > 0
    assert metrics.total("mqttproxy_connections_parked") == 0
    assert metrics.total("mqttproxy_unacked") == 0


@pytest.mark.parametrize("window", [1, 2, 16])
def test_a_small_ack_window_acks_everything_in_order(start_daemon, window: int) -> None:
    daemon = start_daemon(config.simple(limits={"ackWindow": window}))
    count = 500
    with connected(daemon.address(), "w") as client:
        client.send(*(mqtt.publish("t", b"w:%d" % i, qos=1, packet_id=i + 1) for i in range(count)))
        client.expect(*(mqtt.puback(i + 1) for i in range(count)))
    assert_exactly_once({"w": count}, read_topic(daemon.embedded_kafka, "uplink"))
    assert daemon.metrics().total("mqttproxy_parks_total", cause="ack_window") > 0


def test_dropped_messages_beyond_the_ack_window_do_not_stall_the_connection(start_daemon) -> None:
    """They need no report, so no report comes to bring back what was read with them."""
    mapper = config.PUBLISHED_MAPPER | {"onNoMatch": "drop"}
    daemon = start_daemon(
        config.render(
            config.node(limits={"ackWindow": 4}),
            config.proxy(),
            config.pipeline("publish", mapper, config.kafka_filter(topic=None, mqtt=config.MAPPED)),
        )
    )
    count = 200
    with connected(daemon.address(), "d") as client:
        client.send(*(mqtt.publish("other/x", b"x", qos=1, packet_id=i + 1) for i in range(count)))
        client.expect(*(mqtt.puback(i + 1) for i in range(count)))
    daemon.wait_metric(count, "mqttproxy_publish_outcomes_total", outcome="dropped")


def test_repeated_qos_2_messages_beyond_the_ack_window_do_not_stall_the_connection(start_daemon) -> None:
    daemon = start_daemon(config.simple(limits={"ackWindow": 4}))
    ids = range(1, 201)
    with connected(daemon.address(), "r") as client:
        client.send(*(mqtt.publish("t", b"r:%d" % i, qos=2, packet_id=i) for i in ids))
        client.expect(*map(mqtt.pubrec, ids))
        client.send(*(mqtt.publish("t", b"r:%d" % i, qos=2, packet_id=i, dup=True) for i in ids))
        client.expect(*map(mqtt.pubrec, ids))
    assert len(read_topic(daemon.embedded_kafka, "uplink")) == len(ids)


def test_many_connections_share_a_tiny_producer_queue(start_daemon) -> None:
    daemon = start_daemon(config.simple(kafka={"queue": {"maxMessages": 50}}))
    devices = [Device(f"dev{i}", "t", count=200, window=100) for i in range(40)]
    fleet = Fleet(devices, daemon.address).start()
    fleet.finish()
    assert_exactly_once({device.client_id: 200 for device in devices}, read_topic(daemon.embedded_kafka, "uplink"))
    assert daemon.metrics().total("mqttproxy_connections_parked") == 0


def test_clients_that_vanish_while_parked_leave_nothing_behind(start_daemon) -> None:
    daemon = start_daemon(config.simple(kafka={"queue": {"maxMessages": 10}}))
    for number in range(50):
        client = connected(daemon.address(), f"vanishing{number}")
        client.send(*(mqtt.publish("t", b"x", qos=1, packet_id=i + 1) for i in range(500)))
        client.socket.close()
    daemon.wait_metric(0, "mqttproxy_connections")
    daemon.wait_metric(0, "mqttproxy_connections_parked")
    daemon.wait_metric(0, "mqttproxy_unacked")
    with connected(daemon.address(), "after") as client:
        client.send(mqtt.publish("t", b"x", qos=1))
        client.expect(mqtt.puback(1))


def test_a_client_that_does_not_read_its_answers_is_not_read_on(start_daemon) -> None:
    """They pile up on our side; memory must not."""
    daemon = start_daemon(config.simple())
    client = connected(daemon.address(), "deaf")
    client.socket.setblocking(False)
    flood = mqtt.PINGREQ * 32_768

    def flooded() -> bool:
        with contextlib.suppress(BlockingIOError):
            client.socket.send(flood)
        return daemon.metrics().total("mqttproxy_connections_parked") == 1

    wait_until("the connection is parked", flooded, pause=0)
    with connected(daemon.address(), "other") as other:
        other.expect_alive()
    client.socket.close()
    daemon.wait_metric(0, "mqttproxy_connections")
