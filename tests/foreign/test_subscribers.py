"""Client libraries of others receive what a backend posts: nothing of our own is needed for that [MQTT-7.0.0-2]."""

import pytest

from support.backend import Backend
from support.daemon import Daemon
from support.mqtt import Message
from support.waiting import wait_until


@pytest.fixture
def backend(daemon: Daemon):
    with Backend(daemon) as connection:
        yield connection


@pytest.mark.parametrize("topic_filter", ["exact/topic/x", "exact/+/x", "exact/#", "#"])
def test_filters(daemon: Daemon, backend: Backend, subscriber, topic_filter: str) -> None:
    client = subscriber(daemon.address(), "filters", (topic_filter, 1))
    backend.publish("exact/topic/x", "hello", 1)
    assert client.receive() == Message("exact/topic/x", b"hello", 1)


@pytest.mark.parametrize(("published", "granted", "received"), [(0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 2, 1)])
def test_qos(daemon: Daemon, backend: Backend, subscriber, published: int, granted: int, received: int) -> None:
    client = subscriber(daemon.address(), "qos", ("q", granted))
    backend.publish("q", "v", published)
    assert client.receive() == Message("q", b"v", received)


def test_overlapping_filters_give_one_copy(daemon: Daemon, backend: Backend, subscriber) -> None:
    client = subscriber(daemon.address(), "overlap", ("o/#", 1), ("o/+", 1), ("o/x", 1))
    backend.publish("o/x", "once", 1)
    backend.publish("o/y", "then", 1)
    assert [client.receive().payload for _ in range(2)] == [b"once", b"then"]


def test_binary_payloads(daemon: Daemon, backend: Backend, subscriber) -> None:
    client = subscriber(daemon.address(), "binary", ("bin", 1))
    for payload in [bytes(range(256)), b"\x00", bytes(range(256)) * 300]:
        backend.publish("bin", payload, 1)
        assert client.receive().payload == payload


def test_a_persistent_session_across_reconnects(daemon: Daemon, backend: Backend, library) -> None:
    client_id = f"persistent {library.__name__}"
    for round_number in range(3):
        # The library asks for its filters again, or only on the first connection: both are fine.
        requests = [("p/#", 1)] if round_number == 0 or library.__name__.startswith("Mosquitto") else []
        client = library(daemon.address(), client_id, *requests, clean=False)
        expected = [] if round_number == 0 else [b"away 0", b"away 1", b"away 2"]
        backend.publish("p/x", "live", 1)
        assert [client.receive().payload for _ in [*expected, ""]] == [*expected, b"live"]
        # Else the library may leave before its PUBACK does.
        wait_until("everything is acknowledged", lambda: backend.session(client_id).json()["inflight"] == 0)
        client.close()
        wait_until("it is offline", lambda: not backend.session(client_id).json()["connected"])
        for number in range(3):
            backend.publish("p/x", f"away {number}", 1)
    assert backend.delete(client_id).status == 200


def test_many_messages_keep_their_order(daemon: Daemon, backend: Backend, subscriber) -> None:
    client = subscriber(daemon.address(), "many", ("many/+", 1))
    for number in range(200):
        backend.publish(f"many/{number % 5}", str(number), 1)
    assert [int(client.receive().payload) for _ in range(200)] == list(range(200))
