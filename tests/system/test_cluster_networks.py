"""Two nodes in network namespaces, of which one cannot reach Kafka, or not well."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from support import mqtt
from support.backend import Backend
from support.cluster import documents, persistent, resumed, sequences
from support.daemon import Daemon
from support.fleet import Fleet
from support.kafka import Kafka
from support.mqtt import Client, connected
from support.networks import Networks, NotAllowedError
from support.traffic import Publisher, Subscriber
from support.waiting import wait_until

A, B = range(2)
PORTS = 1883, 2381  # nobody else is in these namespaces


@pytest.fixture
def networks() -> Iterator[Networks]:
    try:
        made = Networks(hosts=2)
    except NotAllowedError as reason:
        pytest.skip(f"network namespaces cannot be made here: {reason}")
    yield made
    made.close()


@pytest.fixture
def nodes(networks: Networks, new_kafka: Callable[..., Kafka], start_daemon: Callable[..., Daemon]) -> list[Daemon]:
    kafka = new_kafka()
    broker = kafka.listen_also(networks.kafka_host)
    kafka.start()
    made = []
    for name, host in zip(("node-a", "node-b"), networks.hosts):
        address, api = ((host.address, port) for port in PORTS)
        text = documents(name, broker, "networks", address, api, sessionsPartitions=1)
        made.append(start_daemon(text, inside=host.inside))
    for node in made:
        node.wait_ready()
    return made


def served(node: Daemon, client_id: str, session_present: bool) -> Client:
    """A connection that is accepted in the end: with bad luck the packets that are lost take longer than CONNECT waits."""
    for _ in range(10):
        client = Client(node.address())
        client.send(mqtt.connect(client_id, clean=False))
        if client.receive(4) == mqtt.connack(0, session_present):
            return client
        client.socket.close()
    raise AssertionError(f"{client_id} was refused again and again")


def wait_offline(node: Daemon, client_id: str) -> None:
    with Backend(node) as backend:
        wait_until(f"{client_id} is offline", lambda: backend.session(client_id).json().get("connected") is False)


def only_connection(nodes: list[Daemon], client_id: str, node: str) -> None:
    """Every node says so, after it has seen everything said before."""
    for asked in nodes:
        connected(asked.address(), "onlooker", clean=True).end()
        with Backend(asked) as backend:
            session = backend.session(client_id).json()
            assert (session["connected"], session["node"]) == (True, node), session
    wait_until("one connection is left", lambda: sum(n.metrics().total("mqttproxy_connections") for n in nodes) == 1)


@pytest.mark.parametrize("fenced", [False, True], ids=["short", "until-the-node-is-taken-for-dead"])
def test_of_two_connections_on_both_sides_of_a_partition_the_later_one_is_left(
    networks: Networks, nodes: list[Daemon], fenced: bool
) -> None:
    earlier = persistent(nodes[A].address(), "c", ("c", 1))
    witness = persistent(nodes[A].address(), "witness", ("w", 1))
    networks.hosts[A].lose(1)
    later = resumed(nodes[B].address(), "c")
    if fenced:
        with Client(nodes[A].address()) as client:
            client.send(mqtt.connect("c", clean=False))
            client.expect(mqtt.connack(3))
        wait_offline(nodes[B], "witness")
    earlier.expect_alive()  # its node cannot know
    with Backend(nodes[B]) as backend:
        backend.publish("c", "0", qos=1)
        assert sequences(later, 1) == [0]
        networks.hosts[A].lose(0)
        earlier.expect_end()
        if fenced:
            witness.expect_end()
        else:
            witness.end()
        nodes[A].wait_ready()
        only_connection(nodes, "c", "node-b")
        backend.publish("c", "1", qos=1)
        assert sequences(later, 1) == [1]
    later.end()


def test_a_node_that_loses_packets_loses_no_message(networks: Networks, nodes: list[Daemon]) -> None:
    """Clients go to and fro while every tenth packet between one of the nodes and Kafka is lost."""
    subscribers = [Subscriber(f"sub{i}", f"to/{i}", stay=5) for i in range(10)]
    turn = itertools.cycle(node.address() for node in nodes)
    fleet = Fleet(list(subscribers), lambda: next(turn)).start()
    fleet.wait_until("each has subscribed", lambda: all(s.subscribed for s in subscribers))
    publisher = Publisher(lambda: nodes[B:], [f"to/{i}" for i in range(10)]).start()
    fleet.wait_until("each has moved", lambda: all(s.connections > 2 for s in subscribers))
    networks.hosts[A].lose(0.1)
    settled = {s.client_id: s.connections for s in subscribers}
    fleet.wait_until("each has moved on", lambda: all(s.connections > settled[s.client_id] + 5 for s in subscribers))
    earlier = served(nodes[A], "c", session_present=False)
    later = served(nodes[B], "c", session_present=True)
    earlier.expect_end()
    networks.hosts[A].lose(0)
    rounds = publisher.finish()
    fleet.finish()
    for subscriber in subscribers:
        subscriber.assert_complete(rounds)
    nodes[A].wait_ready()
    only_connection(nodes, "c", "node-b")
    later.end()
