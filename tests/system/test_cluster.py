"""Three healthy nodes behave as one: messages, takeover, sessions that move, the API."""

import select
import threading
from collections.abc import Callable

import pytest

from support import mqtt
from support.backend import Backend, message
from support.cluster import Cluster, persistent, resumed, sequences
from support.daemon import Daemon
from support.kafka import Kafka
from support.mqtt import Client, connected
from support.waiting import wait_until

A, B, C = range(3)


@pytest.fixture(scope="module")
def cluster(kafka: Kafka, start_shared_daemon: Callable[..., Daemon]) -> Cluster:
    return Cluster(start_shared_daemon, kafka, "cluster")


def post(cluster: Cluster, index: int, messages: list[dict[str, object]]) -> None:
    with Backend(cluster.nodes[index]) as backend:
        response = backend.post(messages)
        assert response.status == 200, response


def numbered(topic: str, numbers: range) -> list[dict[str, object]]:
    return [message(topic, str(number), qos=1) for number in numbers]


def test_messages_published_anywhere_arrive_everywhere_in_order(cluster: Cluster, kafka: Kafka) -> None:
    clients = [connected(address, f"all-{i}").subscribe(("all/#", 1)) for i, address in enumerate(cluster.addresses)]
    count = 100
    threads = [
        threading.Thread(target=post, args=(cluster, index, numbered(f"all/http/{index}", range(count))))
        for index in (A, B, C)
    ]
    for thread in threads:
        thread.start()
    names = [f"all/kafka/{i}" for i in range(5)]
    kafka.write(cluster.topic, *((name, str(number)) for number in range(count) for name in names))
    for thread in threads:
        thread.join()
    expected = {name: list(range(count)) for name in [*names, *(f"all/http/{index}" for index in (A, B, C))]}
    for client in clients:
        received: dict[str, list[int]] = {}
        for m in client.take(count * len(expected)):
            received.setdefault(m.topic, []).append(int(m.payload))
        assert received == expected
        client.end()


# Takeover


def race(cluster: Cluster, connects: int, clean: bool) -> list[tuple[Client, bytes]]:
    """That many connections of one client id, from several threads to all nodes, each with its first answer."""
    racers: list[tuple[Client, bytes]] = []
    threads_count = 10

    def run(thread: int) -> None:
        for number in range(connects // threads_count):
            client = Client(cluster.addresses[(thread + number) % 3])
            will = mqtt.Will("will", b"%d" % client.socket.getsockname()[1])
            client.send(mqtt.connect("racer", clean=clean, will=will))
            racers.append((client, client.receive(4)))

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(threads_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(racers) == connects
    return racers


def ended(client: Client) -> bool:
    readable, _, _ = select.select([client.socket], [], [], 0)
    return bool(readable) and client.receive(1) == b""


@pytest.mark.parametrize("clean", [False, True], ids=["persistent", "clean"])
def test_MQTT_3_1_4_2_one_of_a_hundred_racing_connections_survives(
    new_cluster: Callable[..., Cluster], kafka: Kafka, clean: bool
) -> None:
    cluster = new_cluster(kafka, sessionsPartitions=1)
    racers = race(cluster, 100, clean)
    # A claim that has already been overtaken when it comes back is not answered at all.
    assert {answer[3:] for _, answer in racers} <= {b"", b"\0"}, [answer.hex() for _, answer in racers]
    open_ones = list(racers)

    def one_is_left() -> bool:
        open_ones[:] = [(client, answer) for client, answer in open_ones if answer and not ended(client)]
        return len(open_ones) <= 1

    wait_until("one connection is left", one_is_left)
    cluster.pass_every_claim()
    ((survivor, _),) = open_ones
    survivor.expect_alive()
    host = cluster.addresses.index(survivor.socket.getpeername())
    for node in cluster.nodes:
        with Backend(node) as backend:
            # Whoever looked on may still be listed.
            (session,) = [listed for listed in backend.sessions() if listed["sessionID"] == "racer"]
            assert session["connected"] is True
            assert session["node"] == cluster.names[host]
    assert cluster.metric("mqttproxy_connections") == 1
    survivor.expect_alive()

    # [MQTT-3.1.2-8] the will of each connection that was accepted and then displaced, [MQTT-3.1.2-10] not of the one
    # that takes its leave – nor of one that was never accepted.
    survivor_port = survivor.socket.getsockname()[1]
    displaced = sorted(client.socket.getsockname()[1] for client, answer in racers if answer)
    displaced.remove(survivor_port)
    survivor.end()
    for node in cluster.nodes:
        node.stop()
    wills = kafka.read(f"{cluster.topic}-uplink") if displaced else []
    assert sorted(int(record.payload or "") for record in wills) == displaced


# Sessions that move


def test_MQTT_3_1_2_4_a_session_moves_with_its_messages_and_without_a_gap(cluster: Cluster) -> None:
    persistent(cluster.addresses[A], "mover", ("mine/+", 1)).end()
    missed, live, others = 100, 200, 2_000
    mixed: list[dict[str, object]] = []
    for number in range(others):
        mixed.append(message(f"other/{number % 7}", str(number), qos=1))
        if number % (others // missed) == 0:
            mixed += numbered("mine/x", range(number // (others // missed), number // (others // missed) + 1))
    post(cluster, C, mixed)

    def publish_on() -> None:
        with Backend(cluster.nodes[C]) as backend:
            for number in range(missed, missed + live):
                backend.publish("mine/x", str(number), qos=1)

    publisher = threading.Thread(target=publish_on)
    publisher.start()  # it goes on while the session moves
    client = resumed(cluster.addresses[B], "mover")
    assert sequences(client, missed + live) == list(range(missed + live))
    publisher.join()
    client.end()
    cluster.wait_offline("mover", seen_by=C)
    with resumed(cluster.addresses[C], "mover") as client:
        post(cluster, A, numbered("mine/x", range(1)))
        assert sequences(client, 1) == [0]  # nothing else was owed
        client.end()


def test_MQTT_3_1_2_5_a_session_on_the_move_misses_nothing_that_is_published(cluster: Cluster) -> None:
    """From node to node without taking leave, while messages come."""
    client = persistent(cluster.addresses[A], "nomad", ("nomad", 1))
    received: list[int] = []
    count = 300
    with Backend(cluster.nodes[C]) as backend:
        for number in range(count):
            backend.publish("nomad", str(number), qos=1)
            if number % 10 == 9:
                successor = resumed(cluster.addresses[number // 10 % 3], "nomad")
                client.socket.close()
                client = successor
                received += sequences(client, 1)
    while len(set(received)) < count:
        received += sequences(client, 1)
    assert list(dict.fromkeys(received)) == list(range(count))
    client.end()


def test_MQTT_4_4_0_1_unacknowledged_messages_come_again_on_another_node(cluster: Cluster) -> None:
    client = persistent(cluster.addresses[A], "again", ("again", 1))
    post(cluster, B, numbered("again", range(5)))
    first = [client.receive_message() for _ in range(5)]
    client.send(mqtt.puback(first[1].packet_id))
    client.expect_alive()
    client.socket.close()
    cluster.wait_offline("again", seen_by=B)
    with resumed(cluster.addresses[B], "again") as client:
        again = client.take(4)
        assert [(m.payload, m.packet_id, m.dup) for m in again] == [
            (m.payload, m.packet_id, True) for m in first if m.payload != b"1"
        ]
        client.end()
    cluster.wait_offline("again", seen_by=C)
    with resumed(cluster.addresses[C], "again") as client:
        post(cluster, A, numbered("again", range(9, 10)))
        client.expect_message("again", b"9", qos=1)  # nothing else was owed
        client.end()


def test_MQTT_3_10_4_1_a_filter_given_up_does_not_come_back_on_another_node(cluster: Cluster, kafka: Kafka) -> None:
    client = persistent(cluster.addresses[A], "changing", ("stays", 1), ("goes", 1))
    client.send(mqtt.unsubscribe(2, "goes"))
    client.expect(mqtt.unsuback(2))
    client.end()
    # One partition, so that what must not come would come first.
    kafka.write(cluster.topic, ("goes", "missed"), ("stays", "missed"), partition=0)
    with resumed(cluster.addresses[B], "changing") as client:
        client.expect_message("stays", b"missed", qos=1)
        kafka.write(cluster.topic, ("goes", "live"), ("stays", "live"), partition=0)
        client.expect_message("stays", b"live", qos=1)
        with Backend(cluster.nodes[B]) as backend:
            assert backend.session("changing").json()["subscriptions"] == [{"filter": "stays", "qos": 1}]
        client.end()


def test_MQTT_3_1_2_6_a_clean_start_on_another_node_wipes(cluster: Cluster, kafka: Kafka) -> None:
    persistent(cluster.addresses[A], "wiped", ("wiped", 1)).end()
    post(cluster, B, numbered("wiped", range(1)))
    connected(cluster.addresses[C], "wiped", clean=True).end()
    with persistent(cluster.addresses[A], "wiped", ("new", 1)) as client:  # session present would be 1
        kafka.write(cluster.topic, ("wiped", "live"), ("new", "live"), partition=0)
        client.expect_message("new", b"live", qos=1)
        client.end()


# The API


def test_the_sessions_of_all_nodes_show_on_each_and_can_be_deleted_there(cluster: Cluster) -> None:
    clients = [persistent(address, f"api-{i}", ("api/x", 1)) for i, address in enumerate(cluster.addresses)]
    persistent(cluster.addresses[A], "api-away", ("api/x", 0)).end()
    cluster.wait_offline("api-away", seen_by=B)
    ids = ["api-0", "api-1", "api-2", "api-away"]
    for node in cluster.nodes:
        with Backend(node) as backend:

            def listed() -> list[dict[str, object]]:
                return backend.sessions("?page=1&page_size=10&q=api/x")

            wait_until("all are listed", lambda: [s["sessionID"] for s in listed()] == ids)
            wait_until("one is offline", lambda: [s["connected"] for s in listed()] == [True, True, True, False])
            assert [s["node"] for s in listed()[:3]] == cluster.names
            assert {s["topic"] for s in listed()} == {"api/x"}
            for client_id, name in zip(ids, cluster.names):
                detail = backend.session(client_id).json()
                assert (detail["sessionID"], detail["node"], detail["connected"]) == (client_id, name, True)
                assert detail["subscriptions"] == [{"filter": "api/x", "qos": 1}]
    with Backend(cluster.nodes[C]) as backend:
        assert backend.delete("api-0", "api-away", "nobody").status == 200
    clients[A].expect_closed()
    for node in cluster.nodes:
        with Backend(node) as backend:
            for client_id in ("api-0", "api-away"):
                wait_until(f"{client_id} is gone", lambda: backend.session(client_id).status == 404)
    with connected(cluster.addresses[B], "api-away", clean=False) as client:  # session present would be 1
        client.end()
    for client in clients[B:]:
        client.expect_alive()
        client.end()
