"""The HTTP API over TLS, with and without client certificates."""

import re
import socket
import ssl
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import config, mqtt
from support.certificates import Authority, Certificate
from support.daemon import Daemon, run
from support.mqtt import connected
from support.waiting import PATIENCE, wait_until

PUBLISH = "/apis/v1/mqttproxy/mqttproxy/topics/publish"
MESSAGE = {"topic": "t", "payload": "x"}
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
HANDSHAKES = "mqttproxy_http_tls_handshakes_total"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Certificate:
    return authority.server()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers"), "stranger")


def api(server: Certificate, client_ca: Path | None = None, tls: dict[str, str] | None = None, **keys: object) -> str:
    files = {"certFile": str(server.cert_file), "keyFile": str(server.key_file)}
    if client_ca:
        files["clientCAFile"] = str(client_ca)
    return config.simple(api={"address": "127.0.0.1:0", "tls": files | (tls or {})} | keys)


@pytest.fixture(scope="module")
def daemon(start_shared_daemon, authority: Authority, server: Certificate) -> Daemon:
    daemon = start_shared_daemon(api(server))
    daemon.tls = authority.client_context()
    return daemon


@pytest.fixture(scope="module")
def mutual(start_shared_daemon, authority: Authority, server: Certificate) -> Daemon:
    """Asks for client certificates."""
    daemon = start_shared_daemon(api(server, authority.file))
    daemon.tls = authority.client_context(authority.client())
    return daemon


@contextmanager
def raw(daemon: Daemon) -> Iterator[socket.socket]:
    with socket.create_connection(daemon.api, PATIENCE) as plain:
        yield plain


@contextmanager
def secure(
    daemon: Daemon, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None
) -> Iterator[ssl.SSLSocket]:
    """A connection of which an end without close_notify is an error."""
    context = context or daemon.tls
    assert context
    with raw(daemon) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session, suppress_ragged_eofs=False) as tls:
            yield tls


def receive_answer(connection: ssl.SSLSocket) -> bytes:
    """Head and body of one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4_096)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.split(b": ")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
    while len(body) < length:
        body += connection.recv(4_096)
    return head + b"\r\n\r\n" + body


def post(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"POST {PUBLISH} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode() + body


def expect_closed(plain: socket.socket) -> bytes:
    """What came before the end, which may be a reset."""
    data = b""
    try:
        while more := plain.recv(4_096):
            data += more
    except ConnectionResetError:
        pass
    return data


@contextmanager
def one_more_failed(daemon: Daemon) -> Iterator[None]:
    """The daemon counts one failed handshake."""
    before = daemon.metrics().total(HANDSHAKES, result="failed")
    yield
    daemon.wait_metric(before + 1, HANDSHAKES, result="failed")


def expect_refused(daemon: Daemon, context: ssl.SSLContext, reason: str) -> None:
    """In version 1.3 a client learns of it with its first read."""
    with one_more_failed(daemon), pytest.raises(ssl.SSLError) as refusal:
        with secure(daemon, context) as connection:
            connection.sendall(HEALTH)
            connection.recv(1)
    assert reason in str(refusal.value).lower().replace("_", " ")


# --- one way ---------------------------------------------------------------------------------------------------------


def test_a_publish_over_https_reaches_the_device(daemon: Daemon) -> None:
    with connected(daemon.address(), "device") as device:
        device.send(mqtt.subscribe(1, ("news", 0)))
        device.expect(mqtt.suback(1, 0))
        response = daemon.http(PUBLISH, "POST", body={"topic": "news", "payload": "hello"})
        assert (response.status, response.body) == (200, "")
        device.expect(mqtt.publish("news", b"hello"))


def test_health_and_metrics_are_on_the_same_port(daemon: Daemon) -> None:
    daemon.wait_ready()
    assert daemon.http("/healthz").status == 200
    assert daemon.metrics().total(HANDSHAKES, result="ok") > 0
    daemon.wait_log(r"api listening .*\btls=true")


def test_the_metrics_say_when_the_certificate_expires(daemon: Daemon, server: Certificate) -> None:
    expiry = daemon.metrics().total("mqttproxy_http_tls_certificate_not_after_seconds")
    assert expiry == pytest.approx(server.expiry.timestamp(), abs=1)  # six digits and more are printed


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_1_2_and_1_3_are_spoken(daemon: Daemon, authority: Authority, version: ssl.TLSVersion) -> None:
    context = authority.client_context()
    context.minimum_version = context.maximum_version = version
    with secure(daemon, context) as connection:
        assert connection.version() == version.name.replace("_", ".")
        connection.sendall(HEALTH)
        assert receive_answer(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_version_1_1_is_refused(daemon: Daemon, authority: Authority) -> None:
    context = authority.client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    expect_refused(daemon, context, "protocol version")


def test_version_1_2_is_refused_where_1_3_is_the_least(start_daemon, authority: Authority, server: Certificate) -> None:
    daemon = start_daemon(api(server, tls={"minTLSVersion": "1.3"}))
    daemon.tls = authority.client_context()
    assert daemon.http("/healthz").status == 200
    context = authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    expect_refused(daemon, context, "protocol version")


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"])
def test_ciphers_without_aead_are_refused(daemon: Daemon, authority: Authority, cipher: str) -> None:
    context = authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    expect_refused(daemon, context, "handshake failure")


def test_a_client_that_does_not_trust_the_certificate_is_counted(daemon: Daemon, stranger: Authority) -> None:
    with one_more_failed(daemon), pytest.raises(ssl.SSLCertVerificationError):
        with secure(daemon, stranger.client_context()):
            pass
    daemon.wait_log(r'api tls handshake failed address=127\.0\.0\.1 reason="')


def test_plain_http_gets_no_answer(daemon: Daemon) -> None:
    with one_more_failed(daemon), raw(daemon) as plain:
        plain.sendall(HEALTH)
        plain.shutdown(socket.SHUT_WR)
        assert b"HTTP" not in expect_closed(plain)


def test_requests_share_a_connection(daemon: Daemon) -> None:
    before = daemon.metrics().total(HANDSHAKES, result="ok")
    with secure(daemon) as connection:
        for _ in range(3):
            connection.sendall(HEALTH)
            assert receive_answer(connection).endswith(b'{"alive":true}')
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        receive_answer(connection)
        assert connection.recv(1) == b""  # close_notify
    assert daemon.metrics().total(HANDSHAKES, result="ok") == before + 2  # the second is the scrape's


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["daemon", "mutual"])
def test_sessions_are_resumed(
    request: pytest.FixtureRequest, authority: Authority, kind: str, version: ssl.TLSVersion
) -> None:
    daemon = request.getfixturevalue(kind)
    context = authority.client_context(authority.client())
    context.minimum_version = context.maximum_version = version
    with secure(daemon, context) as first:
        first.sendall(HEALTH)
        receive_answer(first)
        session = first.session
    with secure(daemon, context, session) as second:
        second.sendall(HEALTH)
        assert receive_answer(second).startswith(b"HTTP/1.1 200 ")
        assert second.session_reused


@pytest.mark.parametrize("chunked", [False, True])
def test_a_big_body_arrives_whole(daemon: Daemon, chunked: bool) -> None:
    with connected(daemon.address(), "big") as device:
        device.send(mqtt.subscribe(1, ("big", 0)))
        device.expect(mqtt.suback(1, 0))
        payload = ("0123456789abcdef" * 40_000).encode()
        body = b'{"topic":"big","payload":"' + payload + b'"}'
        with secure(daemon) as connection:
            if chunked:
                connection.sendall(
                    f"POST {PUBLISH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                    + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (body[:100_001], body[100_001:]))
                    + b"0\r\n\r\n"
                )
            else:
                connection.sendall(post(body))
            assert receive_answer(connection).startswith(b"HTTP/1.1 200 ")
        device.expect(mqtt.publish("big", payload))


def test_a_body_above_the_limit_is_refused(daemon: Daemon) -> None:
    assert daemon.http(PUBLISH, "POST", body=b"x" * (8 * 1_048_576 + 1)).status == 413


def reset(plain: socket.socket) -> None:
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def end(plain: socket.socket) -> None:
    plain.close()  # in the middle of TLS, without close_notify


@pytest.mark.parametrize("leave", [reset, end])
def test_a_body_that_breaks_off_is_not_published(daemon: Daemon, leave: Callable[[socket.socket], None]) -> None:
    accepted = daemon.metrics().total("mqttproxy_http_published_messages_total", result="accepted")
    body = b'{"topic":"t","payload":"x"}'
    with secure(daemon) as connection:
        connection.sendall(post(body, len(body) + 1))
        leave(connection)
    daemon.wait_metric(1, "mqttproxy_http_connections")  # the scrape's
    assert daemon.metrics().total("mqttproxy_http_published_messages_total", result="accepted") == accepted
    assert daemon.http(PUBLISH, "POST", body=MESSAGE).status == 200


def test_the_token_is_asked_for_as_before(start_daemon, authority: Authority, server: Certificate) -> None:
    daemon = start_daemon(api(server, token="sesame"))
    daemon.tls = authority.client_context()
    assert daemon.http(PUBLISH, "POST", body=MESSAGE).status == 401
    assert daemon.http(PUBLISH, "POST", {"Authorization": "Bearer sesame"}, MESSAGE).status == 200
    assert daemon.http("/healthz").status == 200


def test_curl_publishes(start_daemon, daemon: Daemon, mutual: Daemon, authority: Authority) -> None:
    client = authority.client("curl")
    with_certificate = ["--cert", client.cert_file, "--key", client.key_file]
    for to, options in [(daemon, []), (mutual, with_certificate)]:
        host, port = to.api
        url = f"https://{host}:{port}{PUBLISH}"
        command = ["curl", "-sS", "--fail", "--cacert", authority.file, *options]
        done = subprocess.run(
            [*command, "-d", '{"topic":"t"}', url], capture_output=True, text=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


# --- client certificates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_everything_needs_the_certificate(mutual: Daemon, authority: Authority, path: str) -> None:
    mutual.wait_ready()
    assert mutual.http(path).status == 200
    expect_refused(mutual, authority.client_context(), "certificate required")


def test_with_the_certificate_messages_are_published(mutual: Daemon) -> None:
    assert mutual.http(PUBLISH, "POST", body=MESSAGE).status == 200


def test_certificates_of_strangers_and_of_servers_are_refused(
    mutual: Daemon, authority: Authority, stranger: Authority, server: Certificate
) -> None:
    expect_refused(mutual, authority.client_context(stranger.client()), "unknown ca")
    expect_refused(mutual, authority.client_context(server), "certificate")


def test_a_token_may_be_asked_for_besides(start_daemon, authority: Authority, server: Certificate) -> None:
    daemon = start_daemon(api(server, authority.file, token="sesame"))
    daemon.tls = authority.client_context(authority.client())
    assert daemon.http(PUBLISH, "POST", body=MESSAGE).status == 401
    assert daemon.http(PUBLISH, "POST", {"Authorization": "Bearer sesame"}, MESSAGE).status == 200


def test_an_exposed_address_needs_no_token_beside_certificates(
    start_daemon, authority: Authority, server: Certificate
) -> None:
    daemon = start_daemon(api(server, authority.file, address="0.0.0.0:0"))
    assert daemon.find_log("open to everybody") is None


# --- slow and many ---------------------------------------------------------------------------------------------------


def test_slow_handshakes_are_cut_off_and_others_served_meanwhile(
    start_daemon, authority: Authority, server: Certificate
) -> None:
    count = 20
    daemon = start_daemon(api(server))
    daemon.tls = authority.client_context()
    slow = [socket.create_connection(daemon.api, PATIENCE) for _ in range(count)]
    for number, plain in enumerate(slow):
        plain.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[:number])
    assert daemon.http(PUBLISH, "POST", body=MESSAGE).status == 200
    assert daemon.metrics().total("mqttproxy_http_connections") == count + 1
    for plain in slow:
        assert expect_closed(plain) == b""
        plain.close()
    daemon.wait_metric(count, HANDSHAKES, result="late")
    daemon.wait_metric(1, "mqttproxy_http_connections")


def test_failed_handshakes_do_not_fill_the_log(start_daemon, authority: Authority, server: Certificate) -> None:
    count = 20
    daemon = start_daemon(api(server))
    daemon.tls = authority.client_context()
    for _ in range(count):
        with raw(daemon) as plain:
            plain.sendall(HEALTH)
            plain.shutdown(socket.SHUT_WR)
            expect_closed(plain)
    daemon.wait_metric(count, HANDSHAKES, result="failed")
    lines = [line for line in daemon.lines if "api tls handshake failed" in line]
    assert 1 <= len(lines) < count
    assert 'address=127.0.0.1 reason="http request"' in lines[0]


def test_connections_beyond_the_limit_are_closed_until_others_leave(
    start_daemon, authority: Authority, server: Certificate
) -> None:
    daemon = start_daemon(api(server, maxConnections=2))
    daemon.tls = authority.client_context()
    with secure(daemon) as first, raw(daemon) as second:

        def both_are_open() -> bool:
            first.sendall(HEALTH.replace(b"healthz", b"metrics"))
            return b"\nmqttproxy_http_connections 2\n" in receive_answer(first)

        wait_until("both are open", both_are_open)
        with raw(daemon) as third:
            assert expect_closed(third) == b""
        with pytest.raises((ssl.SSLError, OSError)):
            daemon.http("/healthz")
        first.sendall(HEALTH)
        assert receive_answer(first).startswith(b"HTTP/1.1 200 ")
        second.close()
        wait_until("there is room again", lambda: serves(daemon))
        first.sendall(HEALTH.replace(b"healthz", b"metrics"))
        refused = re.search(rb"\nmqttproxy_http_connections_refused_total (\d+)", receive_answer(first))
        assert refused and int(refused[1]) >= 2


def serves(daemon: Daemon) -> bool:
    try:
        return daemon.http("/healthz").status == 200
    except (ssl.SSLError, OSError):
        return False


def test_the_end_of_the_daemon_is_an_end_in_order(start_daemon, authority: Authority, server: Certificate) -> None:
    daemon = start_daemon(api(server))
    daemon.tls = authority.client_context()
    with secure(daemon) as idle, raw(daemon) as silent:
        idle.sendall(HEALTH)
        receive_answer(idle)
        daemon.stop()
        assert idle.recv(1) == b""
        assert expect_closed(silent) == b""


# --- files -----------------------------------------------------------------------------------------------------------


def check(tmp_path: Path, document: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(document)
    return run("check", file)


def test_check_tries_certificate_and_key(tmp_path: Path, server: Certificate) -> None:
    done = check(tmp_path, api(server))
    assert (done.returncode, done.stderr.count("api.tls")) == (0, 0), done.stderr


def test_check_and_start_say_what_is_wrong_and_repeat_no_key(
    tmp_path: Path, server: Certificate, stranger: Authority
) -> None:
    key = server.key_file.read_text()
    damaged = tmp_path / "damaged.pem"
    damaged.write_text(key.replace(key[100:104], "!!!!"))
    for document, text in [
        (api(Certificate(server.cert_file, stranger.server().key_file)), "does not belong to the certificate"),
        (api(Certificate(server.cert_file, damaged)), "no usable private key"),
        (api(Certificate(server.cert_file, tmp_path / "missing.pem")), "No such file"),
        (api(Certificate(server.key_file, server.key_file)), "no certificate in it"),
        (api(server, client_ca=server.key_file), "no certificate in it"),
    ]:
        for done in (check(tmp_path, document), run("--config", tmp_path / "mqttproxy.yaml")):
            assert done.returncode == 2
            assert f"{tmp_path}/mqttproxy.yaml:" in done.stderr and "api.tls." in done.stderr
            assert text in done.stderr
            secrets = [line for line in key.splitlines() if not line.startswith("---")]
            assert not any(line[:16] in done.stderr + done.stdout for line in secrets)
