"""Several nodes that behave as one: they have Kafka and its topics in common, and nothing else."""

import itertools
import string
from collections.abc import Callable

from support import config
from support.backend import Backend
from support.daemon import Address, Daemon
from support.kafka import Kafka, free_port_pair
from support.mqtt import Client, connected
from support.waiting import wait_until

# Room for everything a test writes: what is lost here is lost by the nodes.
LIMITS = {"sessionQueueMessages": 1_000_000, "maxUnsentBytes": "64MiB"}


def documents(
    name: str,
    broker: str,
    topic: str,
    address: Address,
    api: Address,
    limits: dict[str, object] | None = None,
    **downlink: object,
) -> str:
    """One node. Devices' messages go to `topic`-uplink, sessions to `topic`-sessions."""
    section = {
        "mode": "kafka",
        "backend": [broker],
        "topic": topic,
        "sessionsTopic": f"{topic}-sessions",
        "sessionsPartitions": 8,
        "createTopics": True,
    }
    host, port = address
    return config.render(
        config.node(
            name=name,
            api={"address": "{}:{}".format(*api), "insecure": True},
            limits=LIMITS | (limits or {}),
            downlink=section | downlink,
        ),
        config.proxy(address=host, port=port),
        config.pipeline("publish", config.kafka_filter(broker, f"{topic}-uplink")),
    )


class Cluster:
    """Nodes node-a, node-b … on this machine. One that is started again has its former ports."""

    def __init__(
        self, start_daemon: Callable[..., Daemon], kafka: Kafka, topic: str, count: int = 3, **options: object
    ) -> None:
        self.topic = topic
        self.names = [f"node-{letter}" for letter in string.ascii_lowercase[:count]]
        ports = [free_port_pair() for _ in self.names]
        self.addresses = [("127.0.0.1", port) for port in ports]
        self.apis = [("127.0.0.1", port + 1) for port in ports]
        self._start_daemon = start_daemon
        self._documents = [
            documents(name, kafka.address, topic, address, api, **options)
            for name, address, api in zip(self.names, self.addresses, self.apis)
        ]
        self._turn = itertools.cycle(self.addresses)
        self.nodes = [start_daemon(text) for text in self._documents]
        self.wait_ready()

    def wait_ready(self) -> None:
        for node in self.nodes:
            node.wait_ready()

    def start(self, index: int) -> Daemon:
        """Again, after it was stopped or killed; returns when it is ready."""
        self.nodes[index] = self._start_daemon(self._documents[index])
        self.nodes[index].wait_ready()
        return self.nodes[index]

    def next_address(self) -> Address:
        """Of one node after the other, whether it runs or not: a device that tries them all."""
        return next(self._turn)

    def metric(self, name: str, **labels: str) -> float:
        return sum(node.metrics().total(name, **labels) for node in self.nodes)

    def wait_offline(self, *client_ids: str, seen_by: int) -> None:
        """A node has learnt that these clients are gone: that they left, or that their node is dead."""
        with Backend(self.nodes[seen_by]) as backend:
            for client_id in client_ids:
                wait_until(
                    f"{client_id} is offline", lambda: backend.session(client_id).json().get("connected") is False
                )

    def pass_every_claim(self) -> None:
        """Every node has seen all that was said about sessions before – in a cluster whose sessions topic has one
        partition: what a CONNECT writes there is read back before its CONNACK."""
        for address in self.addresses:
            connected(address, "onlooker", clean=True).end()


def persistent(address: Address, client_id: str, *requests: tuple[str, int]) -> Client:
    """A session that is new, with these filters."""
    client = connected(address, client_id, clean=False)
    return client.subscribe(*requests) if requests else client


def resumed(address: Address, client_id: str) -> Client:
    return connected(address, client_id, clean=False, session_present=True)


def sequences(client: Client, count: int) -> list[int]:
    """The payloads of the next messages, which are numbers."""
    return [int(message.payload) for message in client.take(count)]
