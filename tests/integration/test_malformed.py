"""What no client may send. Each closes its own connection, silently, and is counted by kind; nobody else notices."""

import pytest

from support import mqtt
from support.daemon import Daemon
from support.mqtt import Client, connected

FIRST_PACKETS = [
    pytest.param("c000", "first_packet_not_connect", id="MQTT-3.1.0-1 PINGREQ first"),
    pytest.param("3003000161", "first_packet_not_connect", id="MQTT-3.1.0-1 PUBLISH first"),
    pytest.param("8206000100016100", "first_packet_not_connect", id="MQTT-3.1.0-1 SUBSCRIBE first"),
    pytest.param("e000", "first_packet_not_connect", id="MQTT-3.1.0-1 DISCONNECT first"),
    pytest.param("00", "reserved_packet_type", id="MQTT-2.2 reserved type 0"),
    pytest.param("f0", "reserved_packet_type", id="MQTT-2.2 reserved type 15"),
    pytest.param("474554202f20485454502f312e310d0a", "reserved_flags", id="HTTP request"),
    pytest.param("16030100", "reserved_flags", id="TLS ClientHello"),
    pytest.param("11", "reserved_flags", id="MQTT-2.2.2-2 CONNECT with flags"),
    pytest.param("10ffffffff01", "remaining_length_malformed", id="remaining length of five bytes"),
    pytest.param("10ffffff7f", "packet_too_large", id="256 MiB announced"),
    pytest.param("1000", "body_length", id="empty CONNECT"),
    pytest.param("100d00044d51545404020000000a6162", "body_length", id="client id beyond the packet"),
    pytest.param("100f00044d515454040200000001610000", "body_length", id="bytes behind the payload"),
    pytest.param("100d0003464f4f0402000000026162", "protocol_name", id="MQTT-3.1.2-1 protocol name FOO"),
    pytest.param("100d00044d515454040300000001 61", "connect_flags", id="MQTT-3.1.2-3 reserved flag"),
    pytest.param("100d00044d515454040a000000 0161", "connect_flags", id="MQTT-3.1.2-13 will QoS without will"),
    pytest.param("100d00044d515454042200000001 61", "connect_flags", id="MQTT-3.1.2-15 will retain without will"),
    pytest.param("100d00044d515454044200000001 61", "connect_flags", id="MQTT-3.1.2-22 password without user name"),
    pytest.param("100d00044d5154540402000000 01ff", "invalid_utf8", id="MQTT-1.5.3-1 client id is not UTF-8"),
    pytest.param("100d00044d5154540402000000 0100", "invalid_utf8", id="MQTT-1.5.3-2 client id with U+0000"),
]

LATER_PACKETS = [
    pytest.param("100d00044d5154540402000000 0161", "second_connect", id="MQTT-3.1.0-2 second CONNECT"),
    pytest.param("20020000", "server_only_packet", id="CONNACK"),
    pytest.param("9003000100", "server_only_packet", id="SUBACK"),
    pytest.param("b0020001", "server_only_packet", id="UNSUBACK"),
    pytest.param("d000", "server_only_packet", id="PINGRESP"),
    pytest.param("50020001", "unexpected_packet", id="PUBREC of nothing"),
    pytest.param("70020001", "unexpected_packet", id="PUBCOMP of nothing"),
    pytest.param("c1", "reserved_flags", id="MQTT-2.2.2-2 PINGREQ with flags"),
    pytest.param("60020001", "reserved_flags", id="MQTT-3.6.1-1 PUBREL with flags 0"),
    pytest.param("80060001000161 00", "reserved_flags", id="MQTT-3.8.1-1 SUBSCRIBE with flags 0"),
    pytest.param("a0050001000161", "reserved_flags", id="MQTT-3.10.1-1 UNSUBSCRIBE with flags 0"),
    pytest.param("c00100", "body_length", id="PINGREQ with a body"),
    pytest.param("e00100", "body_length", id="DISCONNECT with a body"),
    pytest.param("36050001610001", "invalid_qos", id="MQTT-3.3.1-4 QoS 3"),
    pytest.param("3803000161", "dup_with_qos0", id="MQTT-3.3.1-2 DUP with QoS 0"),
    pytest.param("3205000161 0000", "packet_id_zero", id="MQTT-2.3.1-1 packet id 0"),
    pytest.param("30020000", "topic_name", id="MQTT-4.7.3-1 empty topic"),
    pytest.param("3003000123", "topic_name", id="MQTT-3.3.2-2 topic #"),
    pytest.param("3005 0003612f2b", "topic_name", id="MQTT-3.3.2-2 topic a/+"),
    pytest.param("30030001ff", "invalid_utf8", id="MQTT-1.5.3-1 topic is not UTF-8"),
    pytest.param("3005 0003eda080", "invalid_utf8", id="MQTT-1.5.3-1 topic with a surrogate"),
    pytest.param("3003000100", "invalid_utf8", id="MQTT-1.5.3-2 topic with U+0000"),
    pytest.param("3003000561", "body_length", id="topic beyond the packet"),
    pytest.param("3203000161", "body_length", id="QoS 1 without a packet id"),
    pytest.param("82020001", "no_filters", id="MQTT-3.8.3-3 SUBSCRIBE without filters"),
    pytest.param("a2020001", "no_filters", id="MQTT-3.10.3-2 UNSUBSCRIBE without filters"),
    pytest.param("820600010001 6103", "invalid_qos", id="MQTT-3.8.3-4 requested QoS 3"),
    pytest.param("82070001000261 2300", "topic_filter", id="MQTT-4.7.1-2 filter a#"),
    pytest.param("8205000100 0000", "topic_filter", id="MQTT-4.7.3-1 empty filter"),
    pytest.param("f000", "reserved_packet_type", id="MQTT-2.2 reserved type 15"),
]


def errors(daemon: Daemon, kind: str) -> float:
    return daemon.metrics().total("mqttproxy_protocol_errors_total", kind=kind)


@pytest.fixture(scope="module")
def bystander(daemon: Daemon):
    """A connection that is open all the time: what happens to others is not its business."""
    with connected(daemon.address(), "bystander") as client:
        yield client


@pytest.mark.parametrize(("packet", "kind"), FIRST_PACKETS)
def test_malformed_first_packet_closes_only_its_connection(daemon: Daemon, bystander, packet: str, kind: str) -> None:
    before = errors(daemon, kind)
    with Client(daemon.address()) as client:
        client.send(bytes.fromhex(packet))
        client.expect_closed()
    daemon.wait_metric(before + 1, "mqttproxy_protocol_errors_total", kind=kind)
    bystander.expect_alive()


@pytest.mark.parametrize(("packet", "kind"), LATER_PACKETS)
def test_malformed_packet_closes_only_its_connection(daemon: Daemon, bystander, packet: str, kind: str) -> None:
    before = errors(daemon, kind)
    with connected(daemon.address(), "offender") as client:
        client.send(bytes.fromhex(packet))
        client.expect_closed()
    daemon.wait_metric(before + 1, "mqttproxy_protocol_errors_total", kind=kind)
    bystander.expect_alive()


def test_packets_before_the_malformed_one_are_answered(daemon: Daemon) -> None:
    with connected(daemon.address(), "half-good") as client:
        client.send(mqtt.PINGREQ, mqtt.PINGREQ, bytes.fromhex("d000"), mqtt.PINGREQ)
        client.expect(mqtt.PINGRESP, mqtt.PINGRESP)
        client.expect_closed()


def test_the_log_names_client_address_and_reason(daemon: Daemon) -> None:
    start = len(daemon.lines)
    with connected(daemon.address(), "named") as client:
        host, port = client.socket.getsockname()
        client.send(bytes.fromhex("d000"))
        client.expect_closed()
    line = daemon.wait_log(r'client disconnected client_id="named".*', start)[0]
    assert f"address={host}:{port} " in line
    assert "reason=protocol_error" in line


def test_a_client_id_cannot_forge_a_log_line(daemon: Daemon) -> None:
    start = len(daemon.lines)
    connected(daemon.address(), 'x"\nforged event client_id="root').end()
    daemon.wait_log(r"client disconnected ", start)
    assert daemon.find_log(r"^forged", start) is None
    assert daemon.find_log(r'client_id="root', start) is None
