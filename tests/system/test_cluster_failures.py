"""Nodes and Kafka that die under a cluster: devices lose nothing and nobody has to put anything right."""

import random
from collections.abc import Callable
from contextlib import ExitStack

from support import mqtt
from support.backend import Backend
from support.cluster import Cluster, persistent, resumed, sequences
from support.fleet import Fleet
from support.kafka import Kafka
from support.mqtt import Client
from support.traffic import END, Publisher, Subscriber
from support.waiting import wait_until

A, B, C = range(3)


def test_the_clients_of_a_killed_node_go_on_elsewhere(new_cluster: Callable[..., Cluster], kafka: Kafka) -> None:
    cluster = new_cluster(kafka)
    subscribers = [Subscriber(f"sub{i}", f"to/{i}", hesitant=i % 4 == 0) for i in range(20)]
    alive = [cluster.addresses[A]]
    fleet = Fleet(list(subscribers), lambda: random.choice(alive)).start()
    fleet.wait_until("all are subscribed", lambda: all(s.subscribed for s in subscribers))
    # These stay away; they are connected when the node dies.
    away = {f"away{i}": persistent(cluster.addresses[A], f"away{i}", (f"away/{i}", 1)) for i in range(5)}
    survivors = cluster.nodes[B:]
    publisher = Publisher(
        lambda: survivors, [*(f"to/{i}" for i in range(20)), *(f"away/{i}" for i in range(5))]
    ).start()
    fleet.wait_until("messages arrive", lambda: all(len(s.received) >= 10 for s in subscribers))

    alive[:] = cluster.addresses[B:]
    cluster.nodes[A].kill()
    fleet.wait_until("all are back", lambda: all(s.connections > 1 for s in subscribers))
    publisher.wait_rounds(20)
    # The others have taken the node for dead.
    cluster.wait_offline(*away, seen_by=B)
    cluster.wait_offline(*away, seen_by=C)
    publisher.wait_rounds(20)
    rounds = publisher.finish()
    fleet.finish()
    for subscriber in subscribers:
        subscriber.assert_complete(rounds)
    for number, client_id in enumerate(away):
        away[client_id].socket.close()
        with resumed(cluster.addresses[B + number % 2], client_id) as client:
            received: list[str] = []
            while END not in received:
                received += [m.payload.decode() for m in client.take()]
            assert list(dict.fromkeys(received)) == [*map(str, range(rounds)), END]
            client.end()


def test_a_killed_kafka_comes_back_and_so_does_everything(new_cluster: Callable[..., Cluster], new_kafka) -> None:
    kafka = new_kafka().start()
    cluster = new_cluster(kafka)
    persistent(cluster.addresses[A], "kept", ("kept", 1)).end()
    online = persistent(cluster.addresses[A], "online", ("online", 1))
    clean = mqtt.connected(cluster.addresses[B], "clean").subscribe(("online", 1))
    with Backend(cluster.nodes[B]) as backend:
        for number in range(10):
            backend.publish("kept", str(number), qos=1)
    kafka.kill()
    with ExitStack() as refused:
        clients = [refused.enter_context(Client(address)) for address in cluster.addresses for _ in range(2)]
        for number, client in enumerate(clients):
            client.send(mqtt.connect(f"refused{number}", clean=bool(number % 2)))
        for client in clients:
            client.expect(mqtt.connack(3))
            client.expect_closed()
    for node in cluster.nodes:
        wait_until("/readyz says 503", lambda: not node.ready())
    for client in (online, clean):
        client.expect_alive()

    kafka.start()
    cluster.wait_ready()
    persistent(cluster.addresses[C], "newcomer", ("new", 1)).end()
    with Backend(cluster.nodes[C]) as backend:
        for topic in ("online", "kept", "new"):
            backend.publish(topic, "10", qos=1)
    for client in (online, clean):
        client.expect_message("online", b"10", qos=1)
        client.end()
    for client_id, owed in (("kept", range(11)), ("newcomer", range(10, 11))):
        with resumed(cluster.addresses[B], client_id) as client:
            assert sequences(client, len(owed)) == list(owed)
            client.end()


def test_what_kafka_has_deleted_is_counted_and_the_rest_arrives(
    new_cluster: Callable[..., Cluster], kafka: Kafka
) -> None:
    cluster = new_cluster(kafka, count=2, partitions=1, memory="64KiB")
    persistent(cluster.addresses[A], "late", ("late", 1)).end()
    missed, deleted = 100, 60
    # Larger than what nodes keep in memory.
    kafka.write(cluster.topic, *(("late", f"{number:02000d}") for number in range(missed)))
    for node in cluster.nodes:
        node.wait_metric(missed, "mqttproxy_downlink_records_total")
    with Backend(cluster.nodes[B]) as backend:
        wait_until("all is stored as missed", lambda: backend.session("late").json().get("queued") == missed)
    kafka.delete_records(cluster.topic, partition=0, before=deleted)
    with resumed(cluster.addresses[B], "late") as client:
        assert sequences(client, missed - deleted) == list(range(deleted, missed))
        kafka.write(cluster.topic, ("late", str(missed)))
        assert sequences(client, 1) == [missed]
        client.end()
    lost = "mqttproxy_session_references_lost_total"
    wait_until("what was lost is counted", lambda: cluster.metric(lost) > 0)
    assert cluster.metric(lost) == deleted


def test_partitions_added_to_the_downlink_topic_lose_no_message(
    new_cluster: Callable[..., Cluster], kafka: Kafka
) -> None:
    cluster = new_cluster(kafka, partitions=2)
    persistent(cluster.addresses[A], "away", ("t/+", 1)).end()
    here = persistent(cluster.addresses[A], "here", ("t/+", 1))
    kafka.write(cluster.topic, ("t/0", "0"), partition=1)
    kafka.add_partitions(cluster.topic, 6)
    for partition in range(1, 6):  # also before a node knows of it
        kafka.write(cluster.topic, (f"t/{partition}", str(partition)), partition=partition)
    assert sorted(sequences(here, 6)) == list(range(6))
    here.end()
    with Backend(cluster.nodes[B]) as backend:
        wait_until("all is stored as missed", lambda: backend.session("away").json().get("queued") == 6)
    cluster.nodes[A].kill()  # whoever looks after the session now
    with resumed(cluster.addresses[C], "away") as client:
        assert sorted(sequences(client, 6)) == list(range(6))
        kafka.write(cluster.topic, ("t/6", "6"), partition=5)
        assert sequences(client, 1) == [6]
        client.end()
    cluster.wait_offline("here", seen_by=B)
    with resumed(cluster.addresses[B], "here") as client:
        assert sequences(client, 1) == [6]  # nothing else was owed
        client.end()
