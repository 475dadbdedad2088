"""Several ports of one proxy, and the PROXY protocol in front of them."""

import socket
import struct

import pytest

from support import config, mqtt
from support.certificates import Authority
from support.daemon import Daemon
from support.mqtt import Client, connected
from support.tls import TlsClient

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = socket.inet_pton(socket.AF_INET, "192.0.2.7") + socket.inet_pton(socket.AF_INET, "192.0.2.8")
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::8")
PORTS = struct.pack(">HH", 50_123, 1_883)


def header(command: int, family: int, rest: bytes = b"", length: int | None = None) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(rest) if length is None else length) + rest


TCP4 = header(0x21, 0x11, V4 + PORTS)
GOOD = [
    pytest.param(TCP4, "192.0.2.7:50123", id="IPv4"),
    pytest.param(header(0x21, 0x21, V6 + PORTS), "[2001:db8::7]:50123", id="IPv6"),
    pytest.param(header(0x21, 0x11, V4 + PORTS + b"\x04\x00\x03abc"), "192.0.2.7:50123", id="with TLVs"),
    pytest.param(header(0x20, 0x11, V4 + PORTS), "127.0.0.1:", id="LOCAL"),
    pytest.param(header(0x20, 0x00), "127.0.0.1:", id="LOCAL, empty"),
    pytest.param(header(0x21, 0x00), "127.0.0.1:", id="UNSPEC"),
    pytest.param(header(0x21, 0x31, bytes(216)), "127.0.0.1:", id="UNIX"),
]
BAD = [
    pytest.param(b"PROXY TCP4 192.0.2.7 192.0.2.8 50123 1883\r\n", "PROXY protocol version 1", id="version 1"),
    pytest.param(mqtt.connect("c"), "no PROXY protocol header", id="MQTT"),
    pytest.param(bytes.fromhex("160301020001"), "no PROXY protocol header", id="TLS"),
    pytest.param(header(0x21, 0x12, V4 + PORTS), "PROXY header for something else than TCP", id="UDP"),
    pytest.param(header(0x22, 0x11, V4 + PORTS), "PROXY header of an unknown version or command", id="command"),
    pytest.param(header(0x21, 0x11, V4), "PROXY header too short for its addresses", id="too short"),
    pytest.param(header(0x21, 0x11, V4 + PORTS, 537), "PROXY header too long", id="too long"),
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def daemon(start_shared_daemon, authority: Authority) -> Daemon:
    """Plain; with PROXY headers; with PROXY headers and TLS; TLS. All on 127.0.0.1."""
    tls = {"useTLS": True, "certificate": [authority.server("localhost").files()]}
    further = [{"proxyProtocol": True}, {"proxyProtocol": True} | tls, tls]
    return start_shared_daemon(
        config.render(
            config.node(),
            config.proxy(listeners=[{"port": 0, "address": "127.0.0.1"} | keys for keys in further]),
            config.pipeline("publish", config.kafka_filter()),
        )
    )


@pytest.fixture(scope="module")
def proxied(daemon: Daemon) -> tuple[str, int]:
    return daemon.addresses()[1]


def refusals(daemon: Daemon) -> float:
    return daemon.metrics().total("mqttproxy_proxy_headers_total", result="refused")


def test_every_listener_leads_to_the_same_clients(daemon: Daemon, authority: Authority, proxied) -> None:
    """A takeover across them shows it [MQTT-3.1.4-2]."""
    plain, _, _, tls = daemon.addresses()
    with connected(plain, "one") as first:
        with TlsClient(tls, authority.client_context()).connect("one") as second:
            first.expect_closed()
            second.expect_alive()
            with Client(proxied) as third:
                third.send(TCP4)
                third.connect("one").expect_alive()
                second.expect_closed()


def test_listeners_are_logged_and_counted(daemon: Daemon, authority: Authority) -> None:
    tcp, tls = (daemon.metrics().total("mqttproxy_accepts_total", transport=name) for name in ("tcp", "tls"))
    connected(daemon.addresses()[0], "a").end()
    TlsClient(daemon.addresses()[3], authority.client_context()).connect("b").end()
    daemon.wait_metric(tcp + 1, "mqttproxy_accepts_total", transport="tcp")
    daemon.wait_metric(tls + 1, "mqttproxy_accepts_total", transport="tls")
    daemon.wait_log(r"listening proxy=mqttproxy address=\S+ transport=tls proxy_protocol=true$")
    daemon.wait_log(r"listening proxy=mqttproxy address=\S+ transport=tcp$")


def test_connections_per_address_are_counted_by_the_header(start_daemon) -> None:
    daemon = start_daemon(
        config.render(
            config.node(limits={"maxConnectionsPerAddress": 1}),
            config.proxy(proxyProtocol=True),
            config.pipeline("publish", config.kafka_filter()),
        )
    )

    def proxied_from(v4: bytes) -> Client:
        client = Client(daemon.address())
        client.send(header(0x21, 0x11, v4 + b"\xc0\x00\x02\x01" + PORTS))
        return client

    one, two, three = b"\xc0\x00\x02\x07", b"\xc0\x00\x02\x08", b"\xc0\x00\x02\x09"
    with proxied_from(one).connect("a") as first, proxied_from(two).connect("b"), proxied_from(three).connect("c"):
        with proxied_from(one) as refused:
            refused.send(mqtt.connect("d"))
            refused.expect_closed()
        daemon.wait_metric(1, "mqttproxy_accepts_refused_total", cause="address")
        daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="address_limit")
        first.end()
        daemon.wait_metric(2, "mqttproxy_connections")
        with proxied_from(one).connect("e") as again:
            again.expect_alive()


@pytest.mark.parametrize("piece", [1, 15, 17, 10_000])
@pytest.mark.parametrize(("head", "address"), GOOD)
def test_the_header_says_who_it_is(daemon: Daemon, proxied, head: bytes, address: str, piece: int) -> None:
    start = len(daemon.lines)
    stream = head + mqtt.connect("proxied")
    with Client(proxied) as client:
        for at in range(0, len(stream), piece):
            client.send(stream[at : at + piece])
        client.expect(mqtt.connack())
        client.end()
    daemon.wait_log(rf'client connected client_id="proxied" address={address.replace("[", chr(92) + "[")}', start)


@pytest.mark.parametrize(("head", "address"), GOOD)
def test_the_header_comes_before_tls(daemon: Daemon, authority: Authority, head: bytes, address: str) -> None:
    """In one segment with the ClientHello, of which no byte may be lost."""
    start = len(daemon.lines)
    with TlsClient(daemon.addresses()[2], authority.client_context(), before=head) as client:
        client.connect("proxied-tls").expect_alive()
        client.end()
    daemon.wait_log(rf'client connected client_id="proxied-tls" address={address.replace("[", chr(92) + "[")}', start)


@pytest.mark.parametrize("listener", [1, 2], ids=["plain", "TLS"])
@pytest.mark.parametrize(("head", "problem"), BAD)
def test_what_is_no_such_header_is_refused(daemon: Daemon, head: bytes, problem: str, listener: int) -> None:
    before, start = refusals(daemon), len(daemon.lines)
    with Client(daemon.addresses()[listener]) as client:
        client.send(head)
        client.expect_end()
    daemon.wait_metric(before + 1, "mqttproxy_proxy_headers_total", result="refused")
    daemon.wait_log(rf'connection closed .*address=127.0.0.1:.* reason=proxy_header detail="{problem}"', start)


def test_a_header_on_a_listener_without_is_refused(daemon: Daemon) -> None:
    with Client(daemon.addresses()[0]) as client:
        client.send(TCP4)
        client.expect_closed()


def test_a_connection_that_ends_in_its_header(daemon: Daemon, proxied) -> None:
    start = len(daemon.lines)
    with Client(proxied) as client:
        client.send(TCP4[:20])
    daemon.wait_log('reason=connection_lost detail="closed by peer"', start)


def test_headers_are_counted(daemon: Daemon, proxied) -> None:
    counts = [daemon.metrics().total("mqttproxy_proxy_headers_total", result=name) for name in ("address", "local")]
    for head in (TCP4, header(0x20, 0x00)):
        with Client(proxied) as client:
            client.send(head)
            client.connect("counted").end()
    daemon.wait_metric(counts[0] + 1, "mqttproxy_proxy_headers_total", result="address")
    daemon.wait_metric(counts[1] + 1, "mqttproxy_proxy_headers_total", result="local")


def test_the_header_counts_into_the_connect_time_out(start_daemon) -> None:
    daemon = start_daemon(
        config.render(
            config.node(limits={"connectTimeout": "1s"}),
            config.proxy(proxyProtocol=True),
            config.pipeline("publish", config.kafka_filter()),
        )
    )
    with Client(daemon.address()) as silent, Client(daemon.address()) as begun, Client(daemon.address()) as done:
        begun.send(TCP4[:-1])
        done.send(TCP4)
        for client in (silent, begun, done):
            client.expect_end()
    daemon.wait_metric(3, "mqttproxy_disconnects_total", reason="connect_timeout")
    daemon.wait_log('detail="no PROXY header in time"')
    daemon.wait_log('address=192.0.2.7:50123 .* detail="no CONNECT in time"')
