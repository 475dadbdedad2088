"""`explain` says beforehand what the daemon then does: compared with the records that really came of it."""

import re
from pathlib import Path

import pytest

from support import config, mqtt
from support.daemon import run
from support.kafka import Record, read_topic, topic_exists
from support.mqtt import connected


def explain(file: Path, topic: str, *arguments: str) -> str:
    done = run("explain", "--config", file, "--topic", topic, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def record_of(output: str) -> dict[str, object]:
    """The one record explain names."""

    def field(name: str) -> str:
        (value,) = re.findall(rf"^  {name}: +(.*)$", output, re.MULTILINE)
        return value

    headers = tuple(tuple(header.split("=", 1)) for header in re.findall(r"^  header: +(.*)$", output, re.MULTILINE))
    key = field("key")
    return {
        "topic": field("topic"),
        "key": None if key == "none" else key.strip('"'),
        "partition": field("partition"),
        "headers": headers,
    }


def as_explained(record: Record, partitions: int = 4) -> dict[str, object]:
    return {
        "topic": record.topic,
        "key": record.key,
        "partition": f"{record.partition} of {partitions}",
        "headers": record.headers,
    }


@pytest.mark.parametrize("partitioner", [None, "murmur2", "consistent", "fnv1a_random"])
def test_explain_names_the_record_that_comes_of_it(start_daemon, partitioner: str | None) -> None:
    properties = {"properties": {"partitioner": partitioner}} if partitioner else {}
    kafka = config.kafka_filter(topic="rest", mqtt=config.MAPPED, **properties)
    daemon = start_daemon(
        config.render(config.node(), config.proxy(), config.pipeline("publish", config.PUBLISHED_MAPPER, kafka))
    )
    explained = []
    for number in range(12):
        client_id = f"device-{number}"
        mqtt_topic = ["gateway/g1/x/iphone", "direct/tv/log", "elsewhere/x"][number % 3]
        username = "hugo" if number % 2 else None
        with connected(daemon.address(), client_id, username=username) as client:
            client.send(mqtt.publish(mqtt_topic, b"v", qos=1, retain=True))
            client.expect(mqtt.puback(1))
        who = ["--client-id", client_id, *(["--username", username] if username else [])]
        output = explain(daemon.config_file, mqtt_topic, *who, "--retain")
        assert "acknowledged when Kafka has stored it" in output
        explained.append(record_of(output))
    topics = sorted({str(record["topic"]) for record in explained})
    stored = [as_explained(record) for topic in topics for record in read_topic(daemon.embedded_kafka, topic)]
    assert sorted(stored, key=repr) == sorted(explained, key=repr)


def write(tmp_path: Path, *filters: config.Document, **keys: object) -> Path:
    file = tmp_path / "explained.yaml"
    file.write_text(config.render(config.node(**keys), config.proxy(), config.pipeline("publish", *filters)))
    return file


def test_explain_shows_route_and_policy(tmp_path) -> None:
    output = explain(write(tmp_path, config.PUBLISHED_MAPPER, config.kafka_filter(mqtt=config.MAPPED)), "direct/tv/log")
    assert "route dir* to policy direct" in output
    assert "Kafka topic iot_other" in output


def test_explain_without_a_key_has_no_one_partition(tmp_path) -> None:
    output = explain(write(tmp_path, config.kafka_filter(key="")), "a/b")
    assert record_of(output)["key"] is None
    assert record_of(output)["partition"] == "any of 4"


@pytest.mark.parametrize(
    ("on_no_match", "kafka", "end"),
    [
        ("drop", {}, r"^acknowledged and dropped: no topic mapping$"),
        ("disconnect", {}, r"^not acknowledged, connection closed: no topic mapping$"),
        ("deadLetter", {"deadLetter": "dead"}, r"^acknowledged when Kafka has stored it$"),
    ],
)
def test_explain_of_a_topic_without_a_route(tmp_path, on_no_match: str, kafka, end: str) -> None:
    mapper = config.PUBLISHED_MAPPER | {"onNoMatch": on_no_match}
    output = explain(write(tmp_path, mapper, config.kafka_filter(topic=None, mqtt=config.MAPPED, **kafka)), "other/x")
    assert re.search(end, output, re.MULTILINE), output
    assert f"onNoMatch {on_no_match}" in output
    if on_no_match == "deadLetter":
        assert record_of(output)["topic"] == "dead"
        assert ("deadLetterReason", "no topic mapping") in record_of(output)["headers"]
    else:
        assert "record to filter" not in output


def test_explain_of_what_is_refused(tmp_path) -> None:
    refused = "not acknowledged, connection closed: "
    file = write(tmp_path, config.kafka_filter(topic=None))
    assert refused + "illegal Kafka topic name" in explain(file, "straße")
    file = write(tmp_path, config.kafka_filter(topic=None) | {"topic": {"maxDynamic": 0}})
    assert refused + "too many Kafka topics (topic.maxDynamic)" in explain(file, "a/b")
    file = write(tmp_path, {"kind": "ConnectControl", "name": "c", "bannedTopics": ["a/b"]}, config.kafka_filter())
    assert refused + "topic is banned" in explain(file, "a/b")


def test_explain_of_qos_0(tmp_path) -> None:
    output = explain(write(tmp_path, config.kafka_filter()), "a/b", "--qos", "0")
    assert "stored; QoS 0 has no acknowledgement" in output
    assert "mqttQos" not in output


@pytest.mark.parametrize("topic", ["", "a/#", "a/+/b", "a/b/c/d"])
def test_explain_refuses_what_is_no_topic_name(tmp_path, topic: str) -> None:
    file = write(tmp_path, config.kafka_filter(), limits={"maxTopicLevels": 3})
    done = run("explain", "--config", file, "--topic", topic)
    assert done.returncode == 2
    assert "--topic" in done.stderr


def test_explain_asks_kafka_and_makes_no_topic(start_daemon, tmp_path) -> None:
    """The embedded Kafka of a running daemon stands for a real one here."""
    address = start_daemon(config.simple()).embedded_kafka
    output = explain(write(tmp_path, config.kafka_filter(address, "not-yet")), "a/b", "--client-id", "c")
    assert str(record_of(output)["partition"]).startswith("unknown: Kafka has no such topic yet")
    assert not topic_exists(address, "not-yet")
