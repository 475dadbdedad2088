"""CONNECT and CONNACK, MQTT 3.1.1 section 3.1 and 3.2, against the running daemon."""

import re

import pytest

from support import config, mqtt
from support.daemon import Daemon
from support.kafka import Record, read_topic
from support.mqtt import Client, Will, connected
from support.waiting import wait_until


def test_MQTT_3_1_4_4_connack_by_the_bytes(daemon: Daemon) -> None:
    with Client(daemon.address()) as client:
        client.send(bytes.fromhex("10 10 0004 4d515454 04 02 003c 0004 64657631"))  # client id dev1, keep alive 60
        client.expect(bytes.fromhex("20 02 00 00"))
        client.send(bytes.fromhex("c000"))
        client.expect(bytes.fromhex("d000"))
        client.send(bytes.fromhex("e000"))
        client.expect_closed()


def test_protocol_level_3_mqisdp_is_served(daemon: Daemon) -> None:
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("old", protocol="MQIsdp", level=3))
        client.expect(mqtt.connack())
        client.expect_alive()


@pytest.mark.parametrize(("protocol", "level"), [("MQTT", 3), ("MQTT", 5), ("MQTT", 0), ("MQIsdp", 4)])
def test_MQTT_3_1_2_2_unacceptable_level_is_answered_with_1_and_closed(
    daemon: Daemon, protocol: str, level: int
) -> None:
    kind = {"kind": "unacceptable_protocol_level"}
    before = daemon.metrics().total("mqttproxy_protocol_errors_total", **kind)
    with Client(daemon.address()) as client:
        client.send(mqtt.connect(protocol=protocol, level=level))
        client.expect(mqtt.connack(1))
        client.expect_closed()
    daemon.wait_metric(before + 1, "mqttproxy_protocol_errors_total", **kind)


def test_MQTT_3_1_3_8_empty_client_id_needs_a_clean_session(daemon: Daemon) -> None:
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("", clean=False))
        client.expect(mqtt.connack(2))
        client.expect_closed()


def test_MQTT_3_1_3_6_server_assigns_a_unique_client_id_to_each_empty_one(daemon: Daemon) -> None:
    clients = [connected(daemon.address(), "") for _ in range(20)]
    for client in clients:
        client.send(mqtt.publish("generated", b"x", qos=1))
    for client in clients:
        client.expect(mqtt.puback(1))
        client.end()
    records = read_topic(daemon.embedded_kafka, "uplink")
    keys = {record.key for record in records if record.header("mqttTopic") == ["generated"]}
    assert len(keys) == len(clients)
    assert all(key is not None and re.fullmatch("auto-[0-9a-z]{18}", key) for key in keys)


def test_MQTT_3_2_0_1_connack_comes_first_whatever_follows_connect(daemon: Daemon) -> None:
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("eager"), mqtt.PINGREQ, mqtt.publish("t", b"x", qos=1))
        client.expect(mqtt.connack(), mqtt.PINGRESP, mqtt.puback(1))


def test_MQTT_3_1_3_1_all_fields_of_connect_in_their_order(daemon: Daemon) -> None:
    client = Client(daemon.address())
    client.send(mqtt.connect("full", username="hugo", password="secret", will=Will("state/full", b"gone", qos=2)))
    client.expect(mqtt.connack())
    client.socket.close()
    daemon.wait_log('client disconnected client_id="full"')

    def will() -> list[Record]:
        return [record for record in read_topic(daemon.embedded_kafka, "uplink") if record.key == "full"]

    wait_until("the will is stored", will)
    (record,) = will()
    assert record.payload == "gone"
    identity = {"clientID": "full", "username": "hugo", "mqttTopic": "state/full", "mqttQos": "2"}
    assert dict(record.headers) == identity


def test_MQTT_3_12_4_1_pingreq_is_answered(daemon: Daemon) -> None:
    with connected(daemon.address(), "pinging") as client:
        client.send(*[mqtt.PINGREQ] * 100)
        client.expect(*[mqtt.PINGRESP] * 100)


def test_client_id_longer_than_the_limit_is_answered_with_2(daemon: Daemon) -> None:
    with connected(daemon.address(), "x" * 1024):
        pass
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("x" * 1025))
        client.expect(mqtt.connack(2))
        client.expect_closed()


def test_MQTT_3_1_4_2_second_connection_with_a_client_id_takes_it_over(daemon: Daemon) -> None:
    before = daemon.metrics().total("mqttproxy_disconnects_total", reason="takeover")
    with connected(daemon.address(), "twin") as first, connected(daemon.address(), "twin") as second:
        first.expect_closed()
        second.expect_alive()
        second.send(mqtt.publish("t", b"twin", qos=1, packet_id=9))
        second.expect(mqtt.puback(9))
    daemon.wait_metric(before + 1, "mqttproxy_disconnects_total", reason="takeover")


def test_takeover_race_leaves_exactly_one_connection(daemon: Daemon) -> None:
    """Clean-up of a connection that lost its client id must not hurt the one that has it now."""
    clients = [connected(daemon.address(), "contested") for _ in range(50)]
    for client in clients[:-1]:
        client.expect_closed()
    clients[-1].expect_alive()
    for client in clients:
        client.socket.close()


def test_MQTT_3_2_2_2_session_present_tells_whether_a_session_was_kept(daemon: Daemon) -> None:
    """[MQTT-3.1.2-4] [MQTT-3.1.4-3] [MQTT-3.2.2-1] [MQTT-3.2.2-3]"""
    address = daemon.address()
    connected(address, "keeper", clean=False, session_present=False).end()
    connected(address, "keeper", clean=False, session_present=True).end()
    # [MQTT-3.1.2-6] a clean session discards the kept one, and is not kept itself
    connected(address, "keeper", clean=True, session_present=False).end()
    connected(address, "keeper", clean=False, session_present=False).end()


def test_max_allowed_connection_refuses_with_3_but_not_a_takeover(start_daemon) -> None:
    daemon = start_daemon(
        config.render(
            config.node(),
            config.proxy(maxAllowedConnection=1),
            config.pipeline("publish", config.kafka_filter()),
        )
    )
    with connected(daemon.address(), "one") as first:
        with Client(daemon.address()) as other:
            other.send(mqtt.connect("two"))
            other.expect(mqtt.connack(3))
            other.expect_closed()
        with connected(daemon.address(), "one") as again:
            first.expect_closed()
            again.expect_alive()


def test_connection_without_a_connect_is_closed_after_the_time_out(start_daemon) -> None:
    daemon = start_daemon(config.simple(limits={"connectTimeout": "1s"}))
    with Client(daemon.address()) as silent, Client(daemon.address()) as half:
        half.send(mqtt.connect()[:5])
        silent.expect_closed()
        half.expect_closed()
    daemon.wait_metric(2, "mqttproxy_disconnects_total", reason="connect_timeout")
