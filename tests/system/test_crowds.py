"""Very many connections at once, and very many that never say who they are."""

import asyncio
import resource
import selectors
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support import config, mqtt
from support.certificates import Authority
from support.daemon import Address
from support.mqtt import connected
from support.waiting import PATIENCE

CROWD = 10_000
TLS_CROWD = 2_000
RSS_CEILING = 256 << 20
SPARE_DESCRIPTORS = 1_000


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough of them for the crowd, here and in a daemon started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CROWD + SPARE_DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"the hard limit of descriptors is {hard}, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def crowd(address: Address, greetings: list[bytes]) -> Iterator[list[socket.socket]]:
    """One connection for each of `greetings`, all begun before any is waited for; each sends its own."""
    with ExitStack() as stack, selectors.EpollSelector() as selector:
        clients = []
        for greeting in greetings:
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
            selector.register(client, selectors.EVENT_WRITE, greeting)
            clients.append(client)
        while selector.get_map():
            events = selector.select(PATIENCE)
            assert events, f"{len(selector.get_map())} connections are not taken"
            for key, _ in events:
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.sendall(key.data)
                selector.unregister(key.fileobj)
        yield clients


def answers(clients: list[socket.socket]) -> list[bytes]:
    """What each client receives first: b"" is a connection the daemon has closed."""
    received = []
    with selectors.EpollSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
        while selector.get_map():
            events = selector.select(PATIENCE)
            assert events, f"{len(selector.get_map())} connections have no answer"
            for key, _ in events:
                assert isinstance(key.fileobj, socket.socket)
                received.append(key.fileobj.recv(64))
                selector.unregister(key.fileobj)
    return received


def test_ten_thousand_clients_that_come_back_at_once_are_all_served(start_daemon, descriptors: None) -> None:
    daemon = start_daemon(config.simple())
    greetings = [mqtt.connect(f"crowd{i}") for i in range(CROWD)]
    for _ in range(2):
        with crowd(daemon.address(), greetings) as clients:
            assert answers(clients) == [mqtt.connack()] * CROWD
            daemon.wait_metric(CROWD, "mqttproxy_connections")
            rss = daemon.rss_bytes()
            print(f"{CROWD} connections, RSS {rss >> 20} MiB")
            assert rss < RSS_CEILING
        daemon.wait_metric(0, "mqttproxy_connections")


def test_silent_and_half_open_connections_are_cut_off_and_others_served(start_daemon) -> None:
    daemon = start_daemon(config.simple(limits={"connectTimeout": "2s"}))
    half = mqtt.connect("half")[:9]
    with connected(daemon.address(), "other") as other, crowd(daemon.address(), [half] * 200 + [b""] * 300) as clients:
        other.send(mqtt.publish("t", b"x", qos=1, packet_id=1))
        other.expect(mqtt.puback(1))
        assert answers(clients) == [b""] * 500
        other.expect_alive()
        daemon.wait_metric(1, "mqttproxy_connections")
        assert daemon.rss_bytes() < RSS_CEILING


async def greet_over_tls(address: Address, context: ssl.SSLContext, count: int) -> list[bytes]:
    """`count` connections begun at once, none closed before all have their answer."""
    writers = []

    async def greet(number: int) -> bytes:
        options = {"ssl": context, "server_hostname": "localhost", "ssl_handshake_timeout": PATIENCE}
        reader, writer = await asyncio.open_connection(*address, **options)
        writers.append(writer)
        writer.write(mqtt.connect(f"tls{number}"))
        return await reader.readexactly(4)

    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*(greet(number) for number in range(count)))
    finally:
        for writer in writers:
            writer.transport.abort()


def test_two_thousand_clients_that_come_at_once_over_tls_are_all_served(
    start_daemon, descriptors: None, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "authority")
    # The handshakes compete with their clients for the same cores: the limit must not decide.
    node = config.node(limits={"connectTimeout": "2m"})
    proxy = config.proxy(useTLS=True, certificate=[authority.server("localhost").files()])
    daemon = start_daemon(config.render(node, proxy, config.pipeline("publish", config.kafka_filter())))
    for _ in range(2):
        received = asyncio.run(greet_over_tls(daemon.address(), authority.client_context(), TLS_CROWD))
        assert received == [mqtt.connack()] * TLS_CROWD
        rss = daemon.rss_bytes()
        print(f"{TLS_CROWD} TLS connections, RSS {rss >> 20} MiB")
        assert rss < RSS_CEILING
        daemon.wait_metric(0, "mqttproxy_connections")
