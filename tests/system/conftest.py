"""A real Kafka: one for everybody that stays up, and brokers of a test's own to be harmed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.daemon import Daemon
from support.kafka import QUICK_RESTART, Kafka


def topic_name(test: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in test)[:200]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    broker = Kafka(tmp_path_factory.mktemp("kafka")).start()
    yield broker
    broker.kill()


@pytest.fixture
def new_kafka(tmp_path: Path) -> Iterator[Callable[..., Kafka]]:
    """Makes a broker (not started) that the test may kill, pause and start again."""
    brokers: list[Kafka] = []

    def make(*properties: str) -> Kafka:
        brokers.append(Kafka(tmp_path / f"kafka{len(brokers)}", *QUICK_RESTART, *properties))
        return brokers[-1]

    yield make
    for broker in brokers:
        broker.kill()


@pytest.fixture
def topic(kafka: Kafka, request: pytest.FixtureRequest) -> str:
    """A new topic in the shared broker, named after the test."""
    return kafka.create_topic(topic_name(request.node.name))


@pytest.fixture
def new_cluster(start_daemon: Callable[..., Daemon], request: pytest.FixtureRequest) -> Callable[..., Cluster]:
    """Makes nodes, on topics of the test's own."""

    def make(kafka: Kafka, count: int = 3, **options: object) -> Cluster:
        return Cluster(start_daemon, kafka, topic_name(request.node.name), count, **options)

    return make
