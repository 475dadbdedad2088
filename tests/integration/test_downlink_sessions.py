"""Sessions that outlive a connection: what is kept, what is sent again, what the API says of them."""

import random

import pytest

from support import config, mqtt
from support.backend import Backend
from support.daemon import Daemon
from support.mqtt import Client, connected
from support.waiting import wait_until


@pytest.fixture
def backend(daemon: Daemon):
    with Backend(daemon) as connection:
        yield connection


def wait_offline(backend: Backend, client_id: str) -> None:
    """The server has noticed that the connection is gone."""
    wait_until(f"{client_id} is offline", lambda: not backend.session(client_id).json()["connected"])


def leave(client: Client, backend: Backend, client_id: str) -> None:
    client.socket.close()
    wait_offline(backend, client_id)


def persistent(daemon: Daemon, client_id: str, *requests: tuple[str, int]) -> Client:
    client = connected(daemon.address(), client_id, clean=False)
    return client.subscribe(*requests) if requests else client


def resumed(daemon: Daemon, client_id: str) -> Client:
    return connected(daemon.address(), client_id, clean=False, session_present=True)


def test_MQTT_3_1_2_5_qos_1_waits_for_a_persistent_session_and_qos_0_does_not(daemon: Daemon, backend: Backend) -> None:
    leave(persistent(daemon, "kept", ("k/#", 1)), backend, "kept")
    for number in range(30):
        backend.publish("k/1", f"{number}", 1)
        backend.publish("k/0", f"{number}", 0)
    with resumed(daemon, "kept") as client:
        backend.publish("k/1", "live", 1)
        assert [m.payload for m in client.take(31)] == [*(b"%d" % n for n in range(30)), b"live"]
        client.end()


def test_MQTT_4_4_0_1_unacknowledged_messages_come_again_in_order_with_dup(daemon: Daemon, backend: Backend) -> None:
    """With the ids they had [MQTT-2.3.1-4] [MQTT-4.3.2-1] [MQTT-4.6.0-1]."""
    client = persistent(daemon, "again", ("again", 1))
    for number in range(5):
        backend.publish("again", str(number), 1)
    first = [client.receive_message() for _ in range(5)]
    client.send(mqtt.puback(first[1].packet_id))
    client.expect_alive()
    leave(client, backend, "again")
    with resumed(daemon, "again") as client:
        again = client.take(4)
        assert [(m.payload, m.packet_id, m.dup) for m in again] == [
            (m.payload, m.packet_id, True) for m in first if m.payload != b"1"
        ]
        client.expect_alive()
    with resumed(daemon, "again") as client:
        client.expect_alive()  # nothing is owed
        client.end()


def test_MQTT_3_10_4_3_what_was_sent_is_completed_after_unsubscribe(daemon: Daemon, backend: Backend) -> None:
    client = persistent(daemon, "completes", ("completes", 1), ("other", 1))
    backend.publish("completes", "begun", 1)
    begun = client.receive_message()
    client.send(mqtt.unsubscribe(2, "completes"))
    client.expect(mqtt.unsuback(2))
    backend.publish("completes", "not for it", 1)
    leave(client, backend, "completes")
    with resumed(daemon, "completes") as client:
        again = client.receive_message()
        assert (again.payload, again.packet_id, again.dup) == (b"begun", begun.packet_id, True)
        client.send(mqtt.puback(again.packet_id))
        client.expect_alive()
        client.end()


def test_a_full_inflight_window_waits_for_acknowledgements(start_daemon) -> None:
    daemon = start_daemon(config.simple(limits={"inflightWindow": 3}))
    with persistent(daemon, "window", ("w", 1)) as client, Backend(daemon) as backend:
        for number in range(10):
            backend.publish("w", str(number), 1)
        messages = [client.receive_message() for _ in range(3)]
        client.expect_alive()  # nothing else has come
        assert backend.session("window").json()["inflight"] == 3
        assert backend.session("window").json()["queued"] == 7
        client.send(*(mqtt.puback(m.packet_id) for m in messages))
        assert [m.payload for m in client.take(7)] == [b"%d" % n for n in range(3, 10)]


@pytest.mark.parametrize(("full", "kept"), [("dropOldest", range(5, 10)), ("dropNewest", range(5))])
def test_a_full_session_queue_drops_as_configured(start_daemon, full: str, kept: range) -> None:
    daemon = start_daemon(config.simple(limits={"sessionQueueMessages": 5, "sessionQueueFull": full}))
    with Backend(daemon) as backend:
        leave(persistent(daemon, "full", ("f", 1)), backend, "full")
        for number in range(10):
            backend.publish("f", str(number), 1)
        daemon.wait_metric(5, "mqttproxy_downlink_dropped_total", cause="queue_full")
        daemon.wait_metric(5, "mqttproxy_session_queue_messages")
        with resumed(daemon, "full") as client:
            assert [int(m.payload) for m in client.take(5)] == list(kept)


def test_a_session_queue_is_bounded_in_bytes(start_daemon) -> None:
    daemon = start_daemon(config.simple(limits={"sessionQueueBytes": "10KiB"}))
    with Backend(daemon) as backend:
        leave(persistent(daemon, "bytes", ("b", 1)), backend, "bytes")
        for number in range(10):
            backend.publish("b", f"{number}" + "." * 4_000, 1)
        daemon.wait_metric(8, "mqttproxy_downlink_dropped_total", cause="queue_full")
        with resumed(daemon, "bytes") as client:
            assert [m.payload[:1] for m in client.take(2)] == [b"8", b"9"]


def test_MQTT_3_1_2_6_a_clean_session_leaves_nothing_behind(daemon: Daemon, backend: Backend) -> None:
    leave(persistent(daemon, "wiped", ("wiped", 1)), backend, "wiped")
    backend.publish("wiped", "old", 1)
    connected(daemon.address(), "wiped", clean=True).end()
    wait_until("the session is gone", lambda: backend.session("wiped").status == 404)
    with persistent(daemon, "wiped") as client:  # session present would be 1
        backend.publish("wiped", "new", 1)
        client.expect_alive()
        client.end()


def test_MQTT_4_1_0_2_an_abandoned_session_expires_and_a_connected_one_does_not(start_daemon) -> None:
    """Until then it is kept [MQTT-4.1.0-1]."""
    daemon = start_daemon(config.simple(limits={"sessionExpiry": "1s"}))
    with Backend(daemon) as backend, persistent(daemon, "here", ("h", 1)) as client:
        leave(persistent(daemon, "old", ("o", 1)), backend, "old")
        wait_until("the session has expired", lambda: backend.session("old").status == 404)
        backend.publish("h", "still", 1)
        client.expect_message("h", b"still", 1)
    daemon.wait_metric(1, "mqttproxy_sessions_expired_total")
    daemon.wait_metric(1, "mqttproxy_subscriptions")


def test_a_takeover_has_no_hole(daemon: Daemon, backend: Backend) -> None:
    """What is published while connections with one client id displace each other arrives, in order."""
    client = persistent(daemon, "heir", ("heir", 1))
    received: list[int] = []
    for number in range(60):
        backend.publish("heir", str(number), 1)
        if number % 3 == 2:
            successor = resumed(daemon, "heir")
            client.socket.close()
            client = successor
            while not received or received[-1] < number:
                received += [int(m.payload) for m in client.take()]
    assert list(dict.fromkeys(received)) == list(range(60))
    client.end()


def test_a_subscription_of_a_resumed_session_is_live_before_connack(daemon: Daemon, backend: Backend) -> None:
    leave(persistent(daemon, "live", ("live", 0)), backend, "live")
    with resumed(daemon, "live") as client:
        backend.publish("live", "now", 0)
        client.expect_message("live", b"now")
        client.end()


def test_session_query_detail_and_delete(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    with Backend(daemon) as backend:
        clients = {f"c{i}": persistent(daemon, f"c{i}", ("topic", 1), (f"own/{i}", 0)) for i in range(10)}
        leave(clients.pop("c9"), backend, "c9")
        assert [s["sessionID"] for s in backend.sessions()] == [f"c{i}" for i in range(10)]
        assert len(backend.sessions("?page=1&page_size=8&q=")) == 8
        assert len(backend.sessions("?page=2&page_size=8&q=")) == 2
        (only,) = backend.sessions("?page=1&page_size=10&q=own/7")
        assert (only["sessionID"], only["topic"]) == ("c7", "own/7")
        assert backend.sessions("?page=1&page_size=10&q=233") == []

        detail = backend.session("c0").json()
        assert detail["connected"] and detail["node"] == "test" and not detail["cleanSession"]
        assert detail["subscriptions"] == [{"filter": "own/0", "qos": 0}, {"filter": "topic", "qos": 1}]
        assert not backend.session("c9").json()["connected"]

        assert backend.delete("c1", "c2", "c9", "nobody").status == 200
        for gone in ("c1", "c2"):
            clients.pop(gone).expect_closed()
        assert [s["sessionID"] for s in backend.sessions()] == ["c0", *(f"c{i}" for i in range(3, 9))]
        daemon.wait_metric(2, "mqttproxy_disconnects_total", reason="session_deleted")
        for client in clients.values():
            client.expect_alive()
        with connected(daemon.address(), "c1", clean=False):  # begins anew
            pass


@pytest.mark.parametrize("seed", range(4))
def test_persistent_sessions_survive_anything_a_client_does(start_daemon, seed: int) -> None:
    """Connect, drop, come back, receive, acknowledge in any order: QoS 1 messages are neither lost nor reordered."""
    dice = random.Random(seed)
    daemon = start_daemon(config.simple(limits={"inflightWindow": 4}))
    ids = [f"device{i}" for i in range(4)]
    online: dict[str, Client] = {}
    owed: dict[str, list[int]] = {i: [] for i in ids}
    received: dict[str, list[int]] = {i: [] for i in ids}
    known: set[str] = set()
    published = 0

    def come(i: str) -> None:
        online[i] = connected(daemon.address(), i, clean=False, session_present=i in known)
        if i not in known:
            online[i].subscribe(("all/#", 1), ("all/+", 0))
        known.add(i)

    def receive(i: str, count: int) -> None:
        for _ in range(count):
            m = online[i].receive_message()
            owed[i].append(m.packet_id)
            received[i].append(int(m.payload))

    def acknowledge(i: str, count: int) -> None:
        online[i].send(*map(mqtt.puback, owed[i][:count]))
        del owed[i][:count]

    with Backend(daemon) as backend:
        for i in ids:
            come(i)
        for _ in range(300):
            i = dice.choice(ids)
            action = dice.choice(["publish", "drop", "come", "receive", "acknowledge", "acknowledge"])
            if action == "publish":
                backend.publish("all/x", str(published), 1)
                published += 1
            elif action == "come" and i not in online:
                come(i)
            elif action == "drop" and i in online and dice.random() < 0.5:
                online.pop(i).socket.close()
                owed[i].clear()
            elif action == "receive" and i in online:
                missing = published - len(set(received[i]))
                if missing and len(owed[i]) < 4:
                    receive(i, 1)
            elif action == "acknowledge" and i in online:
                acknowledge(i, dice.randint(0, len(owed[i])))
        for i in ids:
            if i not in online:
                come(i)
            while len(set(received[i])) < published:
                acknowledge(i, len(owed[i]))
                receive(i, 1)
            assert list(dict.fromkeys(received[i])) == list(range(published)), i
            online[i].socket.close()
