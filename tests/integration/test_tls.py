"""TLS listeners: everything that goes over TCP goes over TLS, whatever way it is cut into records and segments."""

import os
import socket
import ssl
import struct
import threading
from pathlib import Path

import pytest
from cryptography import x509

from support import config, mqtt
from support.backend import Backend
from support.certificates import Authority
from support.daemon import Daemon, run
from support.kafka import read_topic
from support.mqtt import Client, connected
from support.tls import Records, TlsClient, tls_connected
from support.waiting import wait_until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def documents(proxy: config.Document, node: config.Document | None = None, **kafka: object) -> str:
    return config.render(
        node or config.node(), config.proxy(**proxy), config.pipeline("publish", config.kafka_filter(**kafka))
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def daemon(start_shared_daemon, authority: Authority) -> Daemon:
    """TLS on its first port, plain TCP on its second; packets may be 2 MB."""
    proxy = {
        "useTLS": True,
        "certificate": [authority.server("localhost").files()],
        "listeners": [{"port": 0, "address": "127.0.0.1"}],
    }
    return start_shared_daemon(documents(proxy, config.node(limits={"maxPacketSize": 2_000_000})))


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def context(request: pytest.FixtureRequest, authority: Authority) -> ssl.SSLContext:
    return authority.client_context(version=request.param)


def failures(daemon: Daemon, reason: str) -> float:
    return daemon.metrics().total("mqttproxy_tls_handshakes_failed_total", reason=reason)


# ---- bytes


def test_publish_is_stored_and_acknowledged(daemon: Daemon, context: ssl.SSLContext) -> None:
    client_id = "tls-" + context.minimum_version.name
    start = len(daemon.lines)
    with tls_connected(daemon.address(), context, client_id) as client:
        payload = os.urandom(16).hex()
        client.send(mqtt.publish("t", payload.encode(), qos=1, packet_id=7))
        client.expect(mqtt.puback(7))
        version = client.socket.version()
        client.end()
    assert payload in [record.payload for record in read_topic(daemon.embedded_kafka, "uplink")]
    daemon.wait_log(rf'client connected client_id="{client_id}" .* tls={version}$', start)


def test_large_messages_go_both_ways(daemon: Daemon, context: ssl.SSLContext) -> None:
    """1 MB: many records each, and more than the socket takes at once."""
    payload = os.urandom(1_000_000)
    with tls_connected(daemon.address(), context, "large").subscribe(("large", 1)) as client:
        with Backend(daemon) as backend:
            backend.publish("large", payload, 1)
        client.expect_message("large", payload, 1)
        # Kafka does not take this much, which only the daemon's answer can say: it has read all of it.
        client.send(mqtt.publish("t", payload[:990_000], qos=1))
        client.expect(mqtt.puback(1))
        client.expect_alive()


def test_many_packets_in_one_record(daemon: Daemon, context: ssl.SSLContext) -> None:
    count = 1_000
    with tls_connected(daemon.address(), context, "many") as client:
        client.send(*(mqtt.publish("t", b"", qos=1, packet_id=i + 1) for i in range(count)))
        client.expect(*(mqtt.puback(i + 1) for i in range(count)))


def test_many_records_in_one_segment_with_pings_of_one_byte_each(daemon: Daemon, context: ssl.SSLContext) -> None:
    """A thousand records reach the daemon in few reads: those behind the first have no readiness of their own."""
    records = Records(context)
    with Client(daemon.address()) as client:
        records.handshake(client.socket)
        pings = 1_000
        stream = mqtt.connect("bytes") + mqtt.PINGREQ * pings
        client.send(*(records.record(stream[i : i + 1]) for i in range(len(stream))))
        expected = mqtt.connack() + mqtt.PINGRESP * pings
        assert records.receive(client.socket, len(expected)) == expected


@pytest.mark.parametrize("piece", [1, 7])
def test_handshake_and_records_byte_by_byte(daemon: Daemon, context: ssl.SSLContext, piece: int) -> None:
    records = Records(context)
    with Client(daemon.address()) as client:
        records.handshake(client.socket, piece)
        stream = records.record(mqtt.connect("pieces")) + records.record(mqtt.publish("t", b"x" * 100, qos=1))
        for start in range(0, len(stream), piece):
            client.send(stream[start : start + piece])
        expected = mqtt.connack() + mqtt.puback(1)
        assert records.receive(client.socket, len(expected)) == expected


def test_packets_cut_by_records_of_any_size(daemon: Daemon, context: ssl.SSLContext) -> None:
    payload = os.urandom(100_000)
    stream = mqtt.connect("cut") + mqtt.publish("t", payload, qos=1) + mqtt.PINGREQ
    with TlsClient(daemon.address(), context) as client:
        for size in (1, 2, 3, 5, 4_095, 4_096, 4_097, 16_383, 16_384, 16_385, len(stream)):
            client.send(stream[:size])
            stream = stream[size:]
        client.expect(mqtt.connack())
        # PINGRESP does not wait for Kafka, as PUBACK does.
        assert sorted(client.receive_packet() for _ in range(2)) == [(0x40, b"\0\1"), (0xD0, b"")]


def test_moves_to_the_home_worker_with_what_was_read(start_daemon, authority: Authority, context) -> None:
    """CONNECT and what follows arrive together, as one record and as many, before the connection moves."""
    proxy = {"useTLS": True, "certificate": [authority.server("localhost").files()]}
    daemon = start_daemon(documents(proxy, config.node(threads=4)))
    pings = 300
    for number in range(40):
        records = Records(context)
        with Client(daemon.address()) as client:
            records.handshake(client.socket)
            stream = mqtt.connect(f"mover{number}") + mqtt.PINGREQ * pings
            step = 1 if number % 2 else len(stream)
            client.send(*(records.record(stream[i : i + step]) for i in range(0, len(stream), step)))
            expected = mqtt.connack() + mqtt.PINGRESP * pings
            assert records.receive(client.socket, len(expected)) == expected
    assert daemon.metrics().total("mqttproxy_moves_total") > 0


def test_more_than_one_read_takes_moves_as_well(start_daemon, authority: Authority, context) -> None:
    """CONNECT in front of 300 kB in one go: what OpenSSL has read already wakes nobody on the home worker."""
    proxy = {"useTLS": True, "certificate": [authority.server("localhost").files()]}
    daemon = start_daemon(documents(proxy, config.node(threads=4)))
    for number in range(12):
        with TlsClient(daemon.address(), context) as client:
            client.send(mqtt.connect(f"mover{number}"), mqtt.publish("t", bytes(300_000), qos=1))
            client.expect(mqtt.connack(), mqtt.puback(1))
    assert daemon.metrics().total("mqttproxy_moves_total") > 0


def test_back_pressure_leaves_nothing_unread(start_daemon, authority: Authority, context) -> None:
    """A parked connection holds decrypted and encrypted bytes for which no readiness comes."""
    proxy = {"useTLS": True, "certificate": [authority.server("localhost").files()]}
    daemon = start_daemon(documents(proxy, config.node(limits={"ackWindow": 8}), queue={"maxMessages": 10}))
    count = 3_000
    stream = b"".join(mqtt.publish("t", b"p:%d" % i, qos=1, packet_id=i + 1) for i in range(count))
    with tls_connected(daemon.address(), context, "p") as client:
        # One object of OpenSSL must not be used by two threads at once: all of it leaves before answers are read.
        client.send(stream)
        client.expect(*(mqtt.puback(i + 1) for i in range(count)))
    metrics = daemon.metrics()
    assert metrics.total("mqttproxy_parks_total") > 0
    assert metrics.total("mqttproxy_connections_parked") == 0
    stored = [record.payload for record in read_topic(daemon.embedded_kafka, "uplink")]
    assert sorted(stored) == sorted(f"p:{i}" for i in range(count))


def test_a_slow_reader_gets_everything_in_order(daemon: Daemon, context: ssl.SSLContext) -> None:
    """Writes that the socket does not take are repeated from elsewhere, and longer."""
    payloads = [bytes([i]) * 150_000 for i in range(30)] + [b"%d" % i * 100 for i in range(200)]
    client = TlsClient(daemon.address(), context, receive_buffer=4_096).connect("slow").subscribe(("slow/#", 1))
    with client, Backend(daemon) as backend:
        for number, payload in enumerate(payloads):
            backend.publish(f"slow/{number}", payload, 1)
        client.send(mqtt.PINGREQ)
        messages = []
        pings = 0
        while len(messages) < len(payloads):
            first, body = client.receive_packet()
            if first == 0xD0:
                pings += 1
                continue
            messages.append(mqtt.message(first, body))
            client.send(mqtt.puback(messages[-1].packet_id))
        assert [(m.topic, m.payload) for m in messages] == [(f"slow/{i}", p) for i, p in enumerate(payloads)]
        assert pings == 1


def test_a_client_that_reads_nothing_is_not_read_on(daemon: Daemon, context: ssl.SSLContext) -> None:
    client = tls_connected(daemon.address(), context, "deaf")
    client.socket.setblocking(False)
    flood = mqtt.PINGREQ * 8_192

    def flooded() -> bool:
        try:
            client.socket.send(flood)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        return daemon.metrics().total("mqttproxy_connections_parked") == 1

    wait_until("the connection is parked", flooded, pause=0)
    client.socket.close()
    wait_until("it is gone", lambda: daemon.metrics().total("mqttproxy_connections_parked") == 0)


# ---- ends


def test_a_peer_that_resets_takes_nobody_with_it(start_daemon, authority: Authority, context) -> None:
    """What the reset leaves in the thread's error queue must not count against others of that thread."""
    proxy = {"useTLS": True, "certificate": [authority.server("localhost").files()]}
    daemon = start_daemon(documents(proxy, config.node(threads=1)))
    others = [tls_connected(daemon.address(), context, f"other{i}") for i in range(5)]
    for number in range(20):
        victim = tls_connected(daemon.address(), context, f"victim{number}")
        victim.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if number % 2:
            os.write(victim.socket.fileno(), b"\x17\x03\x03\x00\x40" + os.urandom(64))
        victim.socket.close()
        for other in others:
            other.expect_alive()
    for other in others:
        other.end()
    daemon.wait_metric(0, "mqttproxy_connections")
    assert daemon.metrics().total("mqttproxy_disconnects_total", reason="client_disconnect") == len(others)


def test_close_notify_ends_the_connection(daemon: Daemon, context: ssl.SSLContext) -> None:
    """What came before it, in the same segment, is answered first."""
    records = Records(context)
    with Client(daemon.address()) as client:
        records.handshake(client.socket)
        client.send(records.record(mqtt.connect("goodbye") + mqtt.PINGREQ) + records.close_notify())
        expected = mqtt.connack() + mqtt.PINGRESP
        assert records.receive(client.socket, len(expected) + 1) == expected
        client.expect_end()
    daemon.wait_log('client disconnected client_id="goodbye" .* reason=connection_lost detail="closed by peer"')


def test_the_end_without_close_notify_is_one_too(daemon: Daemon, context: ssl.SSLContext) -> None:
    client = tls_connected(daemon.address(), context, "rude")
    client.socket.shutdown(socket.SHUT_WR)
    daemon.wait_log('client disconnected client_id="rude" .* reason=connection_lost detail="closed by peer"')


def test_the_daemon_says_goodbye(daemon: Daemon, context: ssl.SSLContext) -> None:
    records = Records(context)
    with Client(daemon.address()) as client:
        records.handshake(client.socket)
        client.send(records.record(mqtt.connect("polite") + mqtt.DISCONNECT))
        # An end without close_notify would raise here.
        assert records.receive(client.socket, 5, ragged=False) == mqtt.connack()


def test_a_refused_connack_arrives(start_daemon, authority: Authority, context) -> None:
    documents = config.render(
        config.node(),
        config.proxy(
            useTLS=True,
            certificate=[authority.server("localhost").inline()],
            rules={"Connect": "auth", "Publish": "publish"},
        ),
        config.pipeline("auth", config.auth_filter()),
        config.pipeline("publish", config.kafka_filter()),
    )
    daemon = start_daemon(documents)
    with TlsClient(daemon.address(), context) as client:
        client.send(mqtt.connect("c", username="test", password="wrong") + mqtt.PINGREQ * 100)
        client.expect(mqtt.connack(4))
        client.expect_closed()
    tls_connected(daemon.address(), context, "c", username="test", password="test").end()


# ---- handshakes that fail


def old_version(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = authority.client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=lambda version: version.name)
def test_old_versions_are_refused(daemon: Daemon, authority: Authority, version: ssl.TLSVersion) -> None:
    before = failures(daemon, "unsupported")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        TlsClient(daemon.address(), old_version(authority, version))
    daemon.wait_metric(before + 1, "mqttproxy_tls_handshakes_failed_total", reason="unsupported")
    daemon.wait_log('reason=tls_handshake detail="unsupported protocol"')


def test_min_tls_version_1_3_refuses_1_2(start_daemon, authority: Authority) -> None:
    proxy = {"useTLS": True, "certificate": [authority.server("localhost").files()], "minTLSVersion": "1.3"}
    daemon = start_daemon(documents(proxy))
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        TlsClient(daemon.address(), authority.client_context(version=ssl.TLSVersion.TLSv1_2))
    with TlsClient(daemon.address(), authority.client_context()) as client:
        assert client.socket.version() == "TLSv1.3"


def test_ciphers_without_forward_secrecy_are_refused(daemon: Daemon, authority: Authority) -> None:
    context = authority.client_context(version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        TlsClient(daemon.address(), context)


def test_plain_bytes_on_a_tls_port(daemon: Daemon) -> None:
    before = failures(daemon, "not_tls")
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("plain"))
        client.expect_end()
    with Client(daemon.address()) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        client.expect_end()
    daemon.wait_metric(before + 2, "mqttproxy_tls_handshakes_failed_total", reason="not_tls")
    match = daemon.wait_log(r'connection closed .* address=(\S+) .* reason=tls_handshake detail="wrong version number"')
    assert match[1].startswith("127.0.0.1:")


def test_tls_on_a_plain_port(daemon: Daemon, authority: Authority) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        TlsClient(daemon.addresses()[1], authority.client_context())
    with connected(daemon.addresses()[1], "plain") as client:
        client.expect_alive()


def test_a_client_that_does_not_trust_us_is_counted(daemon: Daemon, tmp_path: Path) -> None:
    before = failures(daemon, "alert")
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsClient(daemon.address(), Authority(tmp_path, "stranger").client_context())
    daemon.wait_metric(before + 1, "mqttproxy_tls_handshakes_failed_total", reason="alert")
    daemon.wait_log('reason=tls_handshake detail="tlsv1 alert unknown ca"')


def test_a_client_that_goes_away_in_the_handshake_is_counted(daemon: Daemon) -> None:
    before = failures(daemon, "closed")
    with Client(daemon.address()) as client:
        client.send(b"\x16\x03\x01")
    daemon.wait_metric(before + 1, "mqttproxy_tls_handshakes_failed_total", reason="closed")


def test_broken_records_end_only_that_connection(daemon: Daemon, context: ssl.SSLContext) -> None:
    records = Records(context)
    with Client(daemon.address()) as client, tls_connected(daemon.address(), context, "bystander") as bystander:
        records.handshake(client.socket)
        record = bytearray(records.record(mqtt.connect("broken")))
        record[-1] ^= 1
        client.send(bytes(record))
        client.expect_end()
        bystander.expect_alive()
    daemon.wait_log('reason=connection_lost detail="decryption failed or bad record mac"')


def test_the_handshake_counts_into_the_connect_time_out(start_daemon, authority: Authority) -> None:
    proxy = {"useTLS": True, "certificate": [authority.server("localhost").files()]}
    daemon = start_daemon(documents(proxy, config.node(limits={"connectTimeout": "1s"})))
    with Client(daemon.address()) as silent, Client(daemon.address()) as begun:
        begun.send(bytes.fromhex("1603010200"))
        silent.expect_closed()
        begun.expect_closed()
    daemon.wait_metric(2, "mqttproxy_tls_handshakes_failed_total", reason="timeout")
    with TlsClient(daemon.address(), authority.client_context()) as late:
        late.expect_closed()  # a handshake, and no CONNECT
    daemon.wait_metric(3, "mqttproxy_disconnects_total", reason="connect_timeout")
    daemon.wait_log('reason=connect_timeout detail="no TLS handshake in time"')
    daemon.wait_log('reason=connect_timeout detail="no CONNECT in time"')


def test_a_dripping_handshake_is_not_put_off(start_daemon, authority: Authority) -> None:
    proxy = {"useTLS": True, "certificate": [authority.server("localhost").files()]}
    daemon = start_daemon(documents(proxy, config.node(limits={"connectTimeout": "1s"})))
    with Client(daemon.address()) as client:
        client.send(bytes.fromhex("1603010200"))

        def closed() -> bool:
            try:
                client.socket.send(b"\1")
            except ConnectionError:
                return True
            return False

        wait_until("the server has closed", closed)
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="connect_timeout")


# ---- sessions


@pytest.mark.parametrize("threads", [1, 4])
def test_sessions_are_resumed_by_every_worker(start_daemon, authority: Authority, context, threads: int) -> None:
    proxy = {"useTLS": True, "certificate": [authority.server("localhost").files()]}
    daemon = start_daemon(documents(proxy, config.node(threads=threads)))
    with tls_connected(daemon.address(), context, "first") as client:
        client.expect_alive()  # with TLS 1.3 tickets come behind the handshake
        session = client.socket.session
        assert session and session.has_ticket
        assert not client.socket.session_reused
    for number in range(8):
        with TlsClient(daemon.address(), context, session=session).connect(f"again{number}") as client:
            client.expect_alive()
            assert client.socket.session_reused
    assert daemon.metrics().total("mqttproxy_tls_handshakes_total", session="new") == 1
    assert daemon.metrics().total("mqttproxy_tls_handshakes_total", session="resumed") == 8


# ---- which certificate


def test_the_server_name_chooses_the_certificate(start_daemon, authority: Authority, context) -> None:
    certificates = {
        "default": authority.issue("default.example", [x509.DNSName("default.example")]),
        "exact": authority.issue("x", [x509.DNSName("one.example"), x509.DNSName("a.wild.example")]),
        "wildcard": authority.issue("x", [x509.DNSName("*.wild.example")]),
        "common name": authority.issue("cn.example"),
        "alternative names only": authority.issue("hidden.example", [x509.DNSName("shown.example")]),
    }
    proxy = {"useTLS": True, "certificate": [c.files(name) for name, c in certificates.items()]}
    daemon = start_daemon(documents(proxy))
    context.check_hostname = False
    names = {ssl.PEM_cert_to_DER_cert(c.cert): name for name, c in certificates.items()}

    def shown(server_name: str | None) -> str:
        with TlsClient(daemon.address(), context, server_name) as client:
            return names[client.server_certificate()]

    assert shown(None) == "default"
    assert shown("nobody.example") == "default"
    assert shown("one.example") == "exact"
    assert shown("ONE.example") == "exact"
    assert shown("b.wild.example") == "wildcard"
    assert shown("a.wild.example") == "exact"
    assert shown("a.b.wild.example") == "default"
    assert shown("wild.example") == "default"
    assert shown("cn.example") == "common name"
    assert shown("shown.example") == "alternative names only"
    assert shown("hidden.example") == "default"


def test_intermediate_certificates_are_shown(start_daemon, authority: Authority, context, tmp_path: Path) -> None:
    between = Authority(tmp_path, "between", authority)
    leaf = between.server("localhost")
    chain = tmp_path / "chain.pem"
    chain.write_text(leaf.cert + between.file.read_text())
    proxy = {"useTLS": True, "certificate": [{"certFile": "../chain.pem", "keyFile": str(leaf.key_file)}]}
    daemon = start_daemon(documents(proxy))
    tls_connected(daemon.address(), context, "c").end()


def test_a_handshake_that_the_socket_does_not_take_at_once(start_daemon, authority, context, tmp_path: Path) -> None:
    """80 kB of certificates to a client with a small window: the handshake, which only reads, waits for writing."""
    leaf = authority.server("localhost")
    chain = tmp_path / "chain.pem"
    chain.write_text(leaf.cert + authority.file.read_text() * 190)
    proxy = {"useTLS": True, "certificate": [{"certFile": str(chain), "keyFile": str(leaf.key_file)}]}
    daemon = start_daemon(documents(proxy))
    records = Records(context)
    with Client(daemon.address(), receive_buffer=2_048, segment=536) as client:
        records.handshake(client.socket)
        client.send(records.record(mqtt.connect("narrow")))
        assert records.receive(client.socket, 4) == mqtt.connack()


# ---- client certificates


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("devices"), "devices")


@pytest.fixture(scope="module")
def mutual(start_shared_daemon, authority: Authority, devices: Authority) -> Daemon:
    """Clients need a certificate of `devices`, which names them."""
    proxy = {
        "useTLS": True,
        "certificate": [authority.server("localhost").files(), authority.server("other.example").files()],
        "clientCAFile": str(devices.file),
        "username": "fromCertificate",
    }
    return start_shared_daemon(documents(proxy))


def expect_refused(daemon: Daemon, context: ssl.SSLContext) -> None:
    """With TLS 1.3 the client's side of the handshake is over before its certificate is looked at."""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with TlsClient(daemon.address(), context) as client:
            client.send(mqtt.connect("stranger"))
            client.socket.recv(1)


def test_no_client_certificate_is_refused(mutual: Daemon, context: ssl.SSLContext) -> None:
    before = failures(mutual, "client_certificate")
    expect_refused(mutual, context)
    mutual.wait_metric(before + 1, "mqttproxy_tls_handshakes_failed_total", reason="client_certificate")
    mutual.wait_log('reason=tls_handshake detail="peer did not return a certificate"')


@pytest.mark.parametrize("server_name", ["localhost", "other.example"])
def test_the_certificate_of_a_stranger_is_refused(mutual, authority, context, server_name: str) -> None:
    """Also by the listener's second certificate, which has a context of its own."""
    before = failures(mutual, "client_certificate")
    stranger = authority.issue("stranger")
    context.load_cert_chain(stranger.cert_file, stranger.key_file)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with TlsClient(mutual.address(), context, server_name) as client:
            client.send(mqtt.connect("stranger"))
            client.socket.recv(1)
    mutual.wait_metric(before + 1, "mqttproxy_tls_handshakes_failed_total", reason="client_certificate")
    mutual.wait_log('reason=tls_handshake detail="self-signed certificate in certificate chain"')


def test_an_expired_client_certificate_is_refused(mutual: Daemon, devices: Authority, context) -> None:
    old = devices.issue("old", days=(-3, -1))
    context.load_cert_chain(old.cert_file, old.key_file)
    expect_refused(mutual, context)
    mutual.wait_log('reason=tls_handshake detail="certificate has expired"')


NAMES = [
    pytest.param("phone7", [x509.DNSName("not.this")], "phone7", id="common name"),
    pytest.param(None, [x509.DNSName("phone.example"), x509.DNSName("b")], "phone.example", id="DNS name"),
    pytest.param(None, [x509.RFC822Name("me@example.org")], "me@example.org", id="e-mail"),
    pytest.param(None, [x509.UniformResourceIdentifier("urn:phone:7")], "urn:phone:7", id="URI"),
    pytest.param("späti", [], "späti", id="beyond ASCII"),
]


@pytest.mark.parametrize(("common_name", "names", "username"), NAMES)
def test_the_certificate_is_the_user_name(mutual, devices, context, common_name, names, username: str) -> None:
    certificate = devices.issue(common_name, names)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    # What CONNECT says counts for nothing.
    client = TlsClient(mutual.address(), context).connect("who", username="root", password="toor")
    with client:
        client.send(mqtt.publish("t", username.encode(), qos=1))
        client.expect(mqtt.puback(1))
        session = client.socket.session
    stored = [r for r in read_topic(mutual.embedded_kafka, "uplink") if r.payload == username]
    assert [record.header("username") for record in stored] == [[username]] * len(stored)
    # A resumed session has no certificate on the wire; the ticket says who it is.
    with TlsClient(mutual.address(), context, session=session).connect("who") as client:
        assert client.socket.session_reused
        client.send(mqtt.publish("t", username.encode(), qos=1))
        client.expect(mqtt.puback(1))
    now = [r for r in read_topic(mutual.embedded_kafka, "uplink") if r.payload == username]
    assert len(now) == len(stored) + 1
    assert now[-1].header("username") == [username]


@pytest.mark.parametrize("common_name", [None, "a\0b"], ids=["no name", "zero byte"])
def test_a_certificate_without_a_usable_name_is_refused(mutual, devices, context, common_name) -> None:
    certificate = devices.issue(common_name)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    with TlsClient(mutual.address(), context) as client:
        client.send(mqtt.connect("nameless", username="root"))
        client.expect(mqtt.connack(5))
        client.expect_closed()


# ---- what cannot be made a listener


def problems(tmp_path: Path, certificate: config.Document, **keys: object) -> str:
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(documents({"useTLS": True, "certificate": [certificate], **keys}))
    done = run("check", file)
    assert (done.returncode == 2) == (": ok" not in done.stdout)
    for line in done.stderr.splitlines():
        assert line.startswith(f"{file}:"), line
    assert "MII" not in done.stderr  # how PEM begins
    return done.stderr


def test_a_key_that_does_not_fit_is_an_error(tmp_path: Path, authority: Authority) -> None:
    one, other = authority.server("one"), authority.server("other")
    stderr = problems(tmp_path, {"cert": one.cert, "key": other.key})
    assert "certificate[0].key: the private key does not belong to the certificate" in stderr


@pytest.mark.parametrize(("cut", "error"), [
    (lambda pem: "", "certificate[0].cert: expected PEM text, found nothing"),
    (lambda pem: "hello", "there is no certificate in it"),
    (lambda pem: pem[:200] + pem[300:], " is broken: "),
    (lambda pem: pem + pem[:200], " is broken: "),
], ids=["empty", "no PEM", "broken", "cut off"])
def test_a_broken_certificate_is_an_error(tmp_path: Path, authority: Authority, cut, error: str) -> None:
    certificate = authority.server("one")
    assert error in problems(tmp_path, {"cert": cut(certificate.cert), "key": certificate.key})


@pytest.mark.parametrize(("cut", "error"), [
    (lambda pem: "hello", "there is no usable private key in it"),
    (lambda pem: pem[:60] + pem[80:], "there is no usable private key in it"),
], ids=["no PEM", "broken"])
def test_a_broken_key_is_an_error(tmp_path: Path, authority: Authority, cut, error: str) -> None:
    certificate = authority.server("one")
    assert error in problems(tmp_path, {"cert": certificate.cert, "key": cut(certificate.key)})


def test_an_encrypted_key_is_an_error(tmp_path: Path, authority: Authority) -> None:
    certificate = authority.issue("one", password=b"secret")
    assert "the private key has a passphrase" in problems(tmp_path, certificate.files())


def test_a_broken_authority_is_an_error(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    stderr = problems(tmp_path, authority.server("one").files(), clientCAFile="ca.pem")
    assert "clientCAFile: there is no certificate in it" in stderr


def test_a_certificate_out_of_its_time_is_a_warning(tmp_path: Path, authority: Authority) -> None:
    assert "certificate[0].certFile: the certificate has expired" in problems(
        tmp_path, authority.issue("one", days=(-3, -1)).files()
    )
    assert "certificate[0].certFile: the certificate is not valid yet" in problems(
        tmp_path, authority.issue("one", days=(1, 3)).files()
    )
