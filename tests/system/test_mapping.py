"""The published mapping examples and vectors, end to end: an MQTT topic in, Kafka topic, key, headers and payload out."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from support import config, mqtt
from support.daemon import Daemon, run
from support.kafka import Kafka, Record, topic_exists
from support.mqtt import connected
from support.waiting import PATIENCE

CLOUD = {"topic": "to_cloud", "exprs": ["log", "status", "event"]}
RAW = {"topic": "to_raw", "exprs": ["raw"]}


def levels(*names: str, shift: int = 0) -> dict[int, str]:
    return {index + shift: name for index, name in enumerate(names)}


D2S = ("d2s", "tenant", "device_type", "things_id", "event", "eventName")
G2S = (
    "g2s",
    "gwTenantId",
    "gwInfoModelId",
    "gwThingsId",
    "d2s",
    "tenantId",
    "infoModelId",
    "thingsId",
    "event",
    "eventName",
)


def vector_mapper(shift: int) -> config.Document:
    """Mapper M1 of the acceptance vectors; M2 is the same one level further to the right."""
    return {
        "name": "mapper",
        "kind": "TopicMapper",
        "setKV": {"topic": "kafka-topic", "headers": "kafka-headers"},
        "matchIndex": shift,
        "route": [{"name": "g2s", "matchExpr": "g2s"}, {"name": "d2s", "matchExpr": "d2s"}],
        "policies": [
            {"name": "d2s", "topicIndex": 4 + shift, "route": [CLOUD, RAW], "headers": levels(*D2S, shift=shift)},
            {
                "name": "g2s",
                "topicIndex": 8 + shift,
                "route": [CLOUD | {"exprs": [*CLOUD["exprs"], "data"]}, RAW],
                "headers": levels(*G2S, shift=shift),
            },
        ],
        "onNoMatch": "disconnect",
    }


def at_index(index: int) -> config.Document:
    """The published example with another topicIndex in its gateway policy."""
    direct, gateway = config.PUBLISHED_MAPPER["policies"]
    return config.PUBLISHED_MAPPER | {"policies": [direct, gateway | {"topicIndex": index}]}


MAPPERS = {
    "m1": vector_mapper(0),
    "m2": vector_mapper(1),
    "published": config.PUBLISHED_MAPPER,
    "published2": at_index(2),
}


@pytest.fixture(scope="module")
def daemon(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One proxy per mapper, all with the published authentication example."""
    documents = [config.node(), config.pipeline("auth", config.auth_filter())]
    for name, mapper in MAPPERS.items():
        backend = config.kafka_filter(kafka.address, topic=None, mqtt=config.MAPPED)
        documents.append(config.proxy(name, rules={"Connect": "auth", "Publish": name}))
        documents.append(config.pipeline(name, mapper, backend, protocol="MQTT"))
    for topic in ("to_cloud", "to_raw", "iot_phone", "iot_other"):
        kafka.create_topic(topic)
    started = Daemon(config.render(*documents), tmp_path_factory.mktemp("daemon"))
    yield started
    started.stop()


def connect(daemon: Daemon, proxy: str, client_id: str) -> mqtt.Client:
    return connected(daemon.address(proxy), client_id, username="test", password="test")


def published(daemon: Daemon, kafka: Kafka, proxy: str, mqtt_topic: str, kafka_topic: str) -> Record:
    """Publishes once as a client of its own and returns the one record that came of it."""
    client_id = f"{proxy}:{mqtt_topic}"
    with connect(daemon, proxy, client_id) as client:
        client.send(mqtt.publish(mqtt_topic, b"text", qos=1))
        client.expect(mqtt.puback(1))
    (record,) = [record for record in kafka.read(kafka_topic) if record.key == client_id]
    return record


def check(record: Record, mqtt_topic: str, headers: dict[str, str]) -> None:
    assert record.payload == "text"
    identity = {"clientID": record.key, "username": "test", "mqttTopic": mqtt_topic, "mqttQos": "1"}
    assert dict(record.headers) == identity | headers


@pytest.mark.parametrize(
    ("mqtt_topic", "kafka_topic", "names"),
    [
        ("/d2s/abc/phone/123/log/error", "to_cloud", D2S),
        ("/d2s/xyz/tv/234/status/shutdown", "to_cloud", D2S),
        ("/d2s/opq/car/345/raw", "to_raw", D2S),
        ("/g2s/gwTenantId/gwInfoModelId/gwThingsId/d2s/tenantId/infoModelId/thingsId/data", "to_cloud", G2S),
        ("/g2s/gw123/gwInfo234/gwID345/d2s/456/654/123/raw", "to_raw", G2S),
    ],
)
def test_vectors_m1(daemon: Daemon, kafka: Kafka, mqtt_topic: str, kafka_topic: str, names) -> None:
    record = published(daemon, kafka, "m1", mqtt_topic, kafka_topic)
    check(record, mqtt_topic, dict(zip(names, mqtt_topic.split("/")[1:])))


def test_vectors_m2(daemon: Daemon, kafka: Kafka) -> None:
    mqtt_topic = "/nothing/d2s/abc/phone/123/log/error"
    record = published(daemon, kafka, "m2", mqtt_topic, "to_cloud")
    check(record, mqtt_topic, dict(zip(D2S, mqtt_topic.split("/")[2:])))


@pytest.mark.parametrize(
    ("proxy", "mqtt_topic"),
    [
        ("m1", "/not-work"),
        ("m2", "/level0"),
        ("m2", "nothing/g2s"),
        ("m2", "nothing/d2s/tenant/device_type/things_id/notexist"),
        ("published", "direct"),
        ("published", "gateway/g/iphone"),
        ("published", "other/x/y"),
        ("published", "//direct/iphone"),
    ],
)
def test_what_cannot_be_mapped_is_never_acknowledged(daemon: Daemon, proxy: str, mqtt_topic: str) -> None:
    with connect(daemon, proxy, "unmapped") as client:
        client.send(mqtt.publish(mqtt_topic, b"text", qos=1))
        client.expect_closed()


GATEWAY = ("gateway", "gatewayID", "device", "status")
DIRECT = ("direct", "device", "status")


@pytest.mark.parametrize(
    ("proxy", "mqtt_topic", "kafka_topic", "names"),
    [
        # Level 3 is `log`, which only `.*` matches: the example as published gives iot_other …
        ("published", "gateway/gate123/iphone/log", "iot_other", GATEWAY),
        ("published", "navigator/a/b/c", "iot_other", GATEWAY),
        ("published", "direct/xiaomi/status", "iot_phone", DIRECT),
        ("published", "direct/tv/log", "iot_other", DIRECT),
        ("published", "direct/myiphone7", "iot_phone", DIRECT),
        # … and with topicIndex 2, as shipped, the documented iot_phone.
        ("published2", "gateway/gate123/iphone/log", "iot_phone", GATEWAY),
        ("published2", "gateway/gate123/tv/log", "iot_other", GATEWAY),
    ],
)
def test_published_example(daemon: Daemon, kafka: Kafka, proxy, mqtt_topic: str, kafka_topic: str, names) -> None:
    record = published(daemon, kafka, proxy, mqtt_topic, kafka_topic)
    check(record, mqtt_topic, dict(zip(names, mqtt_topic.split("/"))))


def test_a_leading_slash_makes_no_level(daemon: Daemon, kafka: Kafka) -> None:
    mqtt_topic = "/gateway/gate123/iphone/log"
    record = published(daemon, kafka, "published", mqtt_topic, "iot_other")
    check(record, mqtt_topic, dict(zip(GATEWAY, mqtt_topic.split("/")[1:])))


def mosquitto_pub(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    host, port = daemon.address("published2")
    command = ["mosquitto_pub", "-h", host, "-p", str(port), "-q", "1", "-t", "gateway/g1/iphone/log", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)


def test_mosquitto_pub_with_the_published_credentials(daemon: Daemon, kafka: Kafka) -> None:
    done = mosquitto_pub(daemon, "-i", "mosquitto1", "-u", "test", "-P", "test", "-m", "hello from mosquitto")
    assert done.returncode == 0, done.stderr
    (record,) = [record for record in kafka.read("iot_phone") if record.key == "mosquitto1"]
    assert record.payload == "hello from mosquitto"
    assert record.header("gatewayID") == ["g1"]


@pytest.mark.parametrize("credentials", [(), ("-u", "test", "-P", "wrong"), ("-u", "nobody", "-P", "test")])
def test_mosquitto_pub_with_bad_credentials_is_told_so(daemon: Daemon, credentials) -> None:
    done = mosquitto_pub(daemon, "-i", "mosquitto2", *credentials, "-m", "never")
    assert done.returncode != 0
    assert "bad user name or password" in done.stderr.lower()


def test_without_mapping_and_default_the_mqtt_topic_with_dots_is_used(kafka: Kafka, start_daemon) -> None:
    daemon = start_daemon(
        config.render(
            config.node(), config.proxy(), config.pipeline("publish", config.kafka_filter(kafka.address, None))
        )
    )
    kafka.create_topic("plain.a.b")
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("plain/a/b", b"v", qos=1))
        client.expect(mqtt.puback(1))
        # No legal Kafka name: an error of that record, never a silent drop.
        client.send(mqtt.publish("plain/ä", b"v", qos=1, packet_id=2))
        client.expect_closed()
    (record,) = kafka.read("plain.a.b")
    assert (record.key, record.payload) == ("c", "v")


def test_the_key_template_and_chosen_headers(kafka: Kafka, start_daemon, topic: str) -> None:
    backend = config.kafka_filter(kafka.address, topic, key="%u/%c/%t/%%", headers=["clientID"])
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", backend)))
    with connected(daemon.address(), "c", username="u") as client:
        client.send(mqtt.publish("a/b", b"v", qos=1))
        client.expect(mqtt.puback(1))
    (record,) = kafka.read(topic)
    assert record.key == "u/c/a/b/%"
    assert record.headers == (("clientID", "c"),)


def test_a_dead_letter_catches_what_kafka_refuses(new_kafka, start_daemon) -> None:
    kafka = new_kafka("auto.create.topics.enable=false").start()
    kafka.create_topic("dead", 1)
    backend = config.kafka_filter(kafka.address, "missing", deadLetter="dead")
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", backend)))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("a/b", b"v", qos=1))
        client.expect(mqtt.puback(1))
    (record,) = kafka.read("dead")
    assert (record.key, record.payload) == ("c", "v")
    assert record.header("deadLetterTopic") == ["missing"]
    assert not topic_exists(kafka.address, "missing")
    daemon.wait_metric(1, "mqttproxy_publish_outcomes_total", outcome="dead_lettered")


def test_without_a_dead_letter_a_refused_record_closes_the_connection(new_kafka, start_daemon) -> None:
    kafka = new_kafka("auto.create.topics.enable=false").start()
    daemon = start_daemon(config.simple(kafka.address, kafka={"topic": "missing"}))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("a/b", b"v", qos=1))
        client.expect_closed()
    daemon.wait_metric(1, "mqttproxy_publish_outcomes_total", outcome="not_stored")
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="not_stored")


def test_explain_names_the_partition_the_record_then_has(kafka: Kafka, start_daemon) -> None:
    """The topic has seven partitions, which only Kafka knows."""
    topic = kafka.create_topic("seven", 7)
    daemon = start_daemon(config.simple(kafka.address, kafka={"topic": topic}))
    explained = {}
    for number in range(10):
        client_id = f"client-{number}"
        with connected(daemon.address(), client_id) as client:
            client.send(mqtt.publish("a/b", b"v", qos=1))
            client.expect(mqtt.puback(1))
        done = run("explain", "--config", daemon.config_file, "--topic", "a/b", "--client-id", client_id)
        assert done.returncode == 0, done.stderr
        explained[client_id] = re.search(r"^  partition: (\d+) of 7$", done.stdout, re.MULTILINE)[1]
    assert explained == {record.key: str(record.partition) for record in kafka.read(topic)}
    assert len(set(explained.values())) > 1


def test_explain_says_why_it_does_not_know_the_partition(new_kafka, start_daemon) -> None:
    kafka = new_kafka()
    daemon = start_daemon(config.simple(kafka.address))
    done = run("explain", "--config", daemon.config_file, "--topic", "a/b")
    assert done.returncode == 0, done.stderr
    assert f"partition: unknown: Kafka {kafka.address}: " in done.stdout
