"""Nodes that are stopped and started under load, with and without a load balancer: nothing is lost."""

from collections.abc import Callable

import pytest

from support.balancer import Balancer, Haproxy, Nginx
from support.cluster import Cluster
from support.daemon import Address
from support.delivery import assert_acked_is_stored, assert_in_order
from support.fleet import Device, Fleet
from support.kafka import Kafka
from support.traffic import Publisher, Subscriber

UNTIL_TOLD = 10**9


class PatientDevice(Device):
    patient = True


class Load:
    """Twenty devices that publish and twenty that subscribe, a backend that posts for these."""

    def __init__(self, cluster: Cluster, address: Callable[[], Address]) -> None:
        self._cluster = cluster
        self.devices = [PatientDevice(f"dev{i}", "up", UNTIL_TOLD, pause=0.02) for i in range(20)]
        self.subscribers = [Subscriber(f"sub{i}", f"down/{i}") for i in range(20)]
        self._uplink = Fleet(list(self.devices), address).start()
        self._downlink = Fleet(list(self.subscribers), address).start()
        self._downlink.wait_until("all are subscribed", lambda: all(s.subscribed for s in self.subscribers))
        self._publisher = Publisher(lambda: cluster.nodes, [f"down/{i}" for i in range(20)]).start()
        self.wait_progress()

    def wait_progress(self) -> None:
        """Every device has had another message acknowledged, every subscriber has received one."""
        acked = [device.acked for device in self.devices]
        received = [len(subscriber.received) for subscriber in self.subscribers]
        self._publisher.wait_rounds(10)
        self._uplink.wait_until(
            "each device is served", lambda: all(d.acked > before for d, before in zip(self.devices, acked))
        )
        self._downlink.wait_until(
            "each subscriber is served",
            lambda: all(len(s.received) > before for s, before in zip(self.subscribers, received)),
        )

    def finish(self, kafka: Kafka) -> None:
        """Ends it, and nothing may be missing or out of order."""
        for device in self.devices:
            device.finish_soon()
        rounds = self._publisher.finish()
        self._uplink.finish()
        self._downlink.finish()
        for subscriber in self.subscribers:
            subscriber.assert_complete(rounds)
        records = kafka.read(f"{self._cluster.topic}-uplink")
        assert_acked_is_stored(self._uplink.acked(), records)
        assert_in_order(records)


def test_a_rolling_restart_loses_nothing(new_cluster: Callable[..., Cluster], kafka: Kafka) -> None:
    cluster = new_cluster(kafka)
    load = Load(cluster, cluster.next_address)
    for index, node in enumerate(list(cluster.nodes)):
        assert node.metrics().total("mqttproxy_connections") > 0, "somebody has to move"
        node.stop()
        load.wait_progress()
        cluster.start(index)
        load.wait_progress()
    load.finish(kafka)


@pytest.fixture(params=[Haproxy, Nginx], ids=["haproxy", "nginx"])
def new_balancer(request: pytest.FixtureRequest, tmp_path):
    started: list[Balancer] = []

    def start(cluster: Cluster) -> Balancer:
        started.append(request.param(cluster.addresses, cluster.apis, tmp_path))
        return started[-1]

    yield start
    for balancer in started:
        balancer.stop()


def test_a_node_is_drained_behind_a_load_balancer(
    new_cluster: Callable[..., Cluster], kafka: Kafka, new_balancer: Callable[[Cluster], Balancer]
) -> None:
    cluster = new_cluster(kafka)
    balancer = new_balancer(cluster)
    load = Load(cluster, lambda: balancer.address)
    for node in cluster.nodes:
        assert node.metrics().total("mqttproxy_connections") > 0, "every node has its share"
    cluster.nodes[0].stop()
    load.wait_progress()
    for clients in (load.devices, load.subscribers):
        assert any(client.connections > 1 for client in clients), "somebody had to move"
    cluster.start(0)
    cluster.nodes[1].stop()
    load.wait_progress()
    load.finish(kafka)
