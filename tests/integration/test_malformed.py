"""What no client may send. Each closes its own connection, is logged once and counted by kind; nobody else notices."""

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
    pytest.param("100a00044d51545404020000", "body_length", id="MQTT-3.1.3-3 no client id at all"),
    pytest.param("100d00044d51545404020000000a6162", "body_length", id="client id beyond the packet"),
    pytest.param("100f00044d515454040200000001610000", "body_length", id="bytes behind the payload"),
    pytest.param("100d0003464f4f0402000000026162", "protocol_name", id="MQTT-3.1.2-1 protocol name FOO"),
    pytest.param("100d00044d515454040300000001 61", "connect_flags", id="MQTT-3.1.2-3 reserved flag"),
    pytest.param("100d00044d515454040a000000 0161", "connect_flags", id="MQTT-3.1.2-11 MQTT-3.1.2-13 will QoS without will"),
    pytest.param("100d00044d515454042200000001 61", "connect_flags", id="MQTT-3.1.2-15 will retain without will"),
    pytest.param("100d00044d515454044200000001 61", "connect_flags", id="MQTT-3.1.2-22 password without user name"),
    pytest.param(
        "100d00044d5154540402000000 01ff", "invalid_utf8", id="MQTT-1.5.3-1 MQTT-3.1.3-4 client id is not UTF-8"
    ),
    pytest.param("100d00044d5154540402000000 0100", "invalid_utf8", id="MQTT-1.5.3-2 client id with U+0000"),
    pytest.param("100f00044d5154540402000000 03eda080", "invalid_utf8", id="MQTT-1.5.3-1 client id with a surrogate"),
    pytest.param("101300044d515454041e000000 0161 000177 000178", "invalid_qos", id="MQTT-3.1.2-14 will QoS 3"),
    pytest.param("101300044d5154540406000000 0161 000123 000178", "topic_name", id="MQTT-4.7.1-1 will topic #"),
    pytest.param(
        "101300044d5154540406000000 0161 0001ff 000178", "invalid_utf8", id="MQTT-3.1.3-10 will topic not UTF-8"
    ),
    pytest.param("100d00044d5154540406000000 0161", "body_length", id="MQTT-3.1.2-9 will flag without a will"),
    pytest.param("100d00044d5154540482000000 0161", "body_length", id="MQTT-3.1.2-19 user name flag without a name"),
    pytest.param("100d00044d5154540480000000 0161", "body_length", id="MQTT-3.1.2-19 the same, session kept"),
    pytest.param("101000044d5154540482000000 0161 0001ff", "invalid_utf8", id="MQTT-3.1.3-11 user name not UTF-8"),
    pytest.param(
        "101000044d51545404c2000000 0161 000175", "body_length", id="MQTT-3.1.2-21 password flag, no password"
    ),
    pytest.param(
        "101000044d5154540402000000 0161 000175",
        "body_length",
        id="MQTT-3.1.2-18 MQTT-3.1.2-20 user name or password without its flag",
    ),
]

# Answered with a CONNACK before the end.
REFUSED = [
    pytest.param("100d00044d5154540502000000 0161", 1, "unacceptable_protocol_level", id="MQTT-3.1.2-2 level 5"),
    pytest.param(
        "100c00044d515454040000000000",
        2,
        "client_id_rejected",
        id="MQTT-3.1.3-7 MQTT-3.1.3-8 empty client id, session kept",
    ),
    pytest.param("100e00064d51497364700302000000 00", 2, "client_id_rejected", id="MQTT 3.1 empty client id"),
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
    pytest.param("30030001ff", "invalid_utf8", id="MQTT-3.3.2-1 topic is not UTF-8"),
    pytest.param("3005 0003eda080", "invalid_utf8", id="MQTT-1.5.3-1 topic with a surrogate"),
    pytest.param("3003000100", "invalid_utf8", id="MQTT-4.7.3-2 topic with U+0000"),
    pytest.param("3003000561", "body_length", id="topic beyond the packet"),
    pytest.param("3203000161", "body_length", id="QoS 1 without a packet id"),
    pytest.param("82020001", "no_filters", id="MQTT-3.8.3-3 SUBSCRIBE without filters"),
    pytest.param("a2020001", "no_filters", id="MQTT-3.10.3-2 UNSUBSCRIBE without filters"),
    pytest.param("820600010001 6103", "invalid_qos", id="MQTT-3.8.3-4 requested QoS 3"),
    pytest.param("82070001000261 2300", "topic_filter", id="MQTT-4.7.1-2 filter a#"),
    pytest.param("8205000100 0000", "topic_filter", id="MQTT-4.7.3-1 empty filter"),
    pytest.param("f000", "reserved_packet_type", id="MQTT-2.2 reserved type 15"),
    pytest.param("e1", "reserved_flags", id="MQTT-3.14.1-1 DISCONNECT with flags"),
    pytest.param("41020001", "reserved_flags", id="MQTT-2.2.2-2 PUBACK with flags"),
    pytest.param("40020000", "packet_id_zero", id="MQTT-2.3.1-1 PUBACK of id 0"),
    pytest.param("62020000", "packet_id_zero", id="MQTT-2.3.1-1 PUBREL of id 0"),
    pytest.param("3405000161 0000", "packet_id_zero", id="MQTT-2.3.1-1 QoS 2 with packet id 0"),
    pytest.param("820600000001 6100", "packet_id_zero", id="MQTT-2.3.1-1 SUBSCRIBE with packet id 0"),
    pytest.param("a20500000001 61", "packet_id_zero", id="MQTT-2.3.1-1 UNSUBSCRIBE with packet id 0"),
    pytest.param("4003000100", "body_length", id="PUBACK of three bytes"),
    pytest.param("620100", "body_length", id="PUBREL of one byte"),
    pytest.param("820600010001 6104", "reserved_flags", id="MQTT-3.8.3-4 reserved bits beside the requested QoS"),
    pytest.param("820500010001 61", "body_length", id="MQTT-3.8.3-3 filter without a requested QoS"),
    pytest.param("820600010001 ff00", "invalid_utf8", id="MQTT-3.8.3-1 filter is not UTF-8"),
    pytest.param("a205000100 01ff", "invalid_utf8", id="MQTT-3.10.3-1 filter is not UTF-8"),
    pytest.param("82070001000223 6100", "topic_filter", id="MQTT-4.7.1-2 filter #a"),
    pytest.param("8207000100022b 6100", "topic_filter", id="MQTT-4.7.1-3 filter +a"),
    pytest.param("30ffffffff01", "remaining_length_malformed", id="remaining length of five bytes"),
    pytest.param("34050001610007 62020007", "unexpected_packet", id="MQTT-4.3.3-2 PUBREL before PUBREC"),
]


class Offence:
    """One malformed packet: afterwards it has been counted once under its kind, and logged once with the reason."""

    def __init__(self, daemon: Daemon, bystander: Client, kind: str) -> None:
        self._daemon = daemon
        self._bystander = bystander
        self._kind = kind
        self._before = self._counted()
        self._lines = len(daemon.lines)

    def _counted(self) -> dict[str, float]:
        metrics = self._daemon.metrics()
        kinds = metrics.labels("mqttproxy_protocol_errors_total", "kind")
        return {kind: metrics.total("mqttproxy_protocol_errors_total", kind=kind) for kind in kinds}

    def check(self, client: Client, reason: str = "protocol_error") -> None:
        host, port = client.socket.getsockname()
        line = self._daemon.wait_log(rf"address={host}:{port} .* reason={reason} ", self._lines)[0]
        line = next(text for text in self._daemon.lines[self._lines :] if line in text)
        assert line.endswith(f" kind={self._kind}") and 'detail=""' not in line, line
        self._bystander.expect_alive()
        assert self._counted() == self._before | {self._kind: self._before[self._kind] + 1}
        named = [text for text in self._daemon.lines[self._lines :] if f":{port} " in text and "reason=" in text]
        assert named == [line]


@pytest.fixture(scope="module")
def bystander(daemon: Daemon):
    """A connection that is open all the time: what happens to others is not its business."""
    with connected(daemon.address(), "bystander") as client:
        yield client


@pytest.mark.parametrize(("packet", "kind"), FIRST_PACKETS)
def test_MQTT_3_1_4_1_malformed_first_packet_closes_only_its_connection(
    daemon: Daemon, bystander, packet: str, kind: str
) -> None:
    """No return code fits [MQTT-3.2.2-6]."""
    offence = Offence(daemon, bystander, kind)
    with Client(daemon.address()) as client:
        client.send(bytes.fromhex(packet))
        client.expect_closed()
        offence.check(client)


@pytest.mark.parametrize(("packet", "return_code", "kind"), REFUSED)
def test_MQTT_3_2_2_5_a_connect_that_cannot_be_served_is_told_so_and_closed(
    daemon: Daemon, bystander, packet: str, return_code: int, kind: str
) -> None:
    offence = Offence(daemon, bystander, kind)
    before = daemon.metrics().total("mqttproxy_connects_total", return_code=str(return_code))
    with Client(daemon.address()) as client:
        client.send(bytes.fromhex(packet))
        client.expect(mqtt.connack(return_code))
        client.expect_closed()
        offence.check(client, "connect_refused")
    assert daemon.metrics().total("mqttproxy_connects_total", return_code=str(return_code)) == before + 1


@pytest.mark.parametrize(("packet", "kind"), LATER_PACKETS)
def test_MQTT_4_8_0_1_malformed_packet_closes_only_its_connection(
    daemon: Daemon, bystander, packet: str, kind: str
) -> None:
    offence = Offence(daemon, bystander, kind)
    with connected(daemon.address(), "offender") as client:
        client.send(bytes.fromhex(packet))
        client.expect_closed()
        offence.check(client)


def test_every_kind_a_client_can_cause_is_caused_here(daemon: Daemon) -> None:
    """A return code comes from servers only."""
    kinds = {case.values[-1] for case in [*FIRST_PACKETS, *REFUSED, *LATER_PACKETS]}
    all_kinds = daemon.metrics().labels("mqttproxy_protocol_errors_total", "kind")
    assert all_kinds - kinds == {"return_code"}


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
