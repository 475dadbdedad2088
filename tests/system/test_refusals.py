"""What becomes of a device's stream when one of its records cannot be stored, or not yet."""

import signal
from collections.abc import Iterator

import pytest

from support import config, mqtt
from support.kafka import Kafka, Record
from support.mqtt import Will, connected
from support.waiting import wait_until


def payloads(records: list[Record]) -> list[str | None]:
    return [record.payload for record in records]


def by_topic(backend: str, **kafka_keys: object) -> str:
    """The MQTT topic is the Kafka topic."""
    backend_filter = config.kafka_filter(backend, None, **kafka_keys)
    return config.render(config.node(), config.proxy(), config.pipeline("publish", backend_filter))


MIDDLE = 6


@pytest.fixture(scope="module")
def strict_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Takes small records, and only into topics there are."""
    directory = tmp_path_factory.mktemp("strict-kafka")
    broker = Kafka(directory, "message.max.bytes=4096", "auto.create.topics.enable=false").start()
    yield broker
    broker.kill()


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("refusal", ["too large for the broker", "no such topic"])
def test_MQTT_4_6_0_2_a_record_refused_for_good_in_the_middle_of_a_stream(
    strict_kafka: Kafka, start_daemon, refusal: str, qos: int
) -> None:
    """What came before it is acknowledged, it is not, nothing later is, and the connection ends instead of stalling."""
    too_large = refusal == "too large for the broker"
    good = strict_kafka.create_topic(f"good-{qos}-{too_large}")
    properties = {"batch.num.messages": 1, "topic.metadata.propagation.max.ms": 1_000}
    daemon = start_daemon(by_topic(strict_kafka.address, properties=properties))
    daemon.wait_ready()
    acknowledgement = mqtt.puback if qos == 1 else mqtt.pubrec

    def publish(number: int, dup: bool = False) -> bytes:
        bad = number == MIDDLE
        body = b"%d" % number + (b"x" * 8_192 if bad and too_large else b"")
        topic = "missing" if bad and not too_large else good
        return mqtt.publish(topic, body, qos=qos, packet_id=number, dup=dup)

    with connected(daemon.address(), "c", clean=False) as client:
        client.send(*(publish(number) for number in range(1, 13)))
        client.expect(*(acknowledgement(number) for number in range(1, MIDDLE)))
        client.expect_closed()
    daemon.wait_log(r'client disconnected client_id="c".* reason=not_stored .* kafka_error=[A-Z_]+$')
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="not_stored")
    daemon.wait_metric(1, "mqttproxy_publish_outcomes_total", outcome="not_stored")
    # Its device goes on without it.
    with connected(daemon.address(), "c", clean=False, session_present=True) as client:
        rest = [number for number in range(1, 13) if number > MIDDLE]
        client.send(*(publish(number, dup=True) for number in rest))
        client.expect(*map(acknowledgement, rest))
    stored = payloads(strict_kafka.read(good))
    assert list(dict.fromkeys(stored)) == [str(number) for number in range(1, 13) if number != MIDDLE]
    if qos == 2:
        assert len(set(stored)) == len(stored)


def test_MQTT_4_6_0_2_acks_of_records_in_topics_of_different_speed_leave_in_publish_order(
    new_kafka, start_daemon
) -> None:
    """Two clusters, the slow one hanging: what the fast one has stored long ago waits for its turn."""
    slow = new_kafka().start()
    slow.create_topic("slow")
    mapper = {
        "name": "mapper",
        "kind": "TopicMapper",
        "setKV": {"topic": "kafka-topic"},
        "route": [{"name": "slow", "matchExpr": "^slow$"}],
        "policies": [{"name": "slow", "topicIndex": 0, "route": [{"topic": "slow", "exprs": ["^slow$"]}]}],
    }
    flow = [
        {"filter": "mapper", "jumpIf": {"MQTTTopicMapFailed": "fast"}},
        {"filter": "slow", "jumpIf": {"": "END"}},
        {"filter": "fast"},
    ]
    filters = [
        mapper,
        config.kafka_filter(slow.address, None, name="slow", mqtt={"topicKey": "kafka-topic"}),
        config.kafka_filter("embedded", "fast", name="fast"),
    ]
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", *filters, flow=flow)))
    ids = range(1, 61)
    every_tenth = [number for number in ids if number % 10 == 3]
    with connected(daemon.address(), "c") as client:
        client.send(
            mqtt.publish("slow", b"warm", qos=1, packet_id=99), mqtt.publish("other", b"warm", qos=1, packet_id=98)
        )
        client.expect(mqtt.puback(99), mqtt.puback(98))
        slow.pause()
        client.send(
            *(
                mqtt.publish(
                    "slow" if number in every_tenth else "other", b"%d" % number, qos=number % 3, packet_id=number
                )
                for number in ids
            )
        )
        stored_before = 2 + len(ids) - len(every_tenth)
        daemon.wait_metric(stored_before, "mqttproxy_publish_outcomes_total", outcome="stored")
        client.expect(mqtt.puback(1), mqtt.pubrec(2))  # before the first slow one
        client.expect_alive()  # and nothing else
        slow.resume()
        answers = {1: mqtt.puback, 2: mqtt.pubrec}
        client.expect(*(answers[number % 3](number) for number in ids if number > 2 and number % 3))
    assert payloads(slow.read("slow")) == ["warm", *map(str, every_tenth)]


def test_a_qos_2_exchange_goes_on_when_its_client_comes_back_before_kafka(new_kafka, start_daemon) -> None:
    """[MQTT-4.4.0-1] The record is on its way already: sent again it waits for the same report."""
    kafka = new_kafka().start()
    topic = kafka.create_topic("hanging")
    daemon = start_daemon(config.simple(kafka.address, kafka={"topic": topic}))
    connected(daemon.address(), "c", clean=False).end()
    kafka.pause()
    first = connected(daemon.address(), "c", clean=False, session_present=True)
    first.send(mqtt.publish("t", b"once", qos=2, packet_id=7))
    first.expect_alive()
    first.socket.close()
    with connected(daemon.address(), "c", clean=False, session_present=True) as client:
        client.send(mqtt.publish("t", b"once", qos=2, packet_id=7, dup=True))
        client.send(mqtt.publish("t", b"next", qos=2, packet_id=8))
        client.expect_alive()
        kafka.resume()
        client.expect(mqtt.pubrec(7), mqtt.pubrec(8))
        client.send(mqtt.pubrel(7), mqtt.pubrel(8))
        client.expect(mqtt.pubcomp(7), mqtt.pubcomp(8))
    assert payloads(kafka.read(topic)) == ["once", "next"]


def test_a_will_that_meets_a_full_producer_queue_is_published_later(new_kafka, start_daemon) -> None:
    kafka = new_kafka()
    daemon = start_daemon(config.simple(kafka.address, kafka={"queue": {"maxMessages": 1}}))
    with connected(daemon.address(), "filler") as filler:
        filler.send(mqtt.publish("t", b"fills the queue", qos=1))
        filler.expect_alive()
        for number in range(3):
            client = connected(daemon.address(), f"mortal{number}", will=Will("state", b"gone", qos=1))
            client.socket.close()
        daemon.wait_metric(1, "mqttproxy_connections")
        metrics = daemon.metrics()
        assert metrics.total("mqttproxy_wills_total") == 0
        assert metrics.total("mqttproxy_wills_waiting") == 3
        kafka.start()
        filler.expect(mqtt.puback(1))
    daemon.wait_metric(3, "mqttproxy_wills_total")
    daemon.wait_metric(4, "mqttproxy_publish_outcomes_total", outcome="stored")
    wills = {record.key: record.payload for record in kafka.read("uplink") if record.key != "filler"}
    assert wills == {f"mortal{number}": "gone" for number in range(3)}
    assert daemon.metrics().total("mqttproxy_wills_waiting") == 0


def test_no_will_is_published_at_sigterm(kafka: Kafka, start_daemon, topic: str) -> None:
    daemon = start_daemon(config.simple(kafka.address, kafka={"topic": topic}))
    with connected(daemon.address(), "c", will=Will("state", b"gone", qos=1)) as client:
        client.send(mqtt.publish("t", b"alive", qos=1))
        client.expect(mqtt.puback(1))
        daemon.signal(signal.SIGTERM)
        client.expect_closed()
    assert daemon.wait_exit() == 0
    assert payloads(kafka.read(topic)) == ["alive"]


def test_a_will_waits_its_turn_behind_the_last_messages_of_its_client(kafka: Kafka, start_daemon, topic: str) -> None:
    daemon = start_daemon(config.simple(kafka.address, kafka={"topic": topic, "queue": {"maxMessages": 10}}))
    count = 200
    client = connected(daemon.address(), "c", will=Will("state", b"gone", qos=1))
    client.send(*(mqtt.publish("t", b"%d" % i, qos=0) for i in range(count)))
    client.send(bytes.fromhex("d000"))  # no packet of a client: the connection ends when it is reached
    client.expect_closed()
    wait_until("the will is stored", lambda: "gone" in payloads(kafka.read(topic)))
    assert payloads(kafka.read(topic)) == [*map(str, range(count)), "gone"]


def test_MQTT_4_6_0_2_a_dead_letter_in_the_middle_of_a_stream_is_acked_in_its_turn(
    strict_kafka: Kafka, start_daemon
) -> None:
    """After the report of its copy: what is acknowledged is stored somewhere."""
    good, dead = strict_kafka.create_topic("good-dead"), strict_kafka.create_topic("dead-letters", 1)
    properties = {"topic.metadata.propagation.max.ms": 1_000}
    daemon = start_daemon(by_topic(strict_kafka.address, properties=properties, deadLetter=dead))
    ids = range(1, 13)
    with connected(daemon.address(), "c") as client:
        client.send(
            *(
                mqtt.publish("missing" if number == MIDDLE else good, b"%d" % number, qos=1, packet_id=number)
                for number in ids
            )
        )
        client.expect(*map(mqtt.puback, ids))
    (record,) = strict_kafka.read(dead)
    assert record.payload == str(MIDDLE)
    assert record.header("deadLetterTopic") == ["missing"]
    assert "UNKNOWN_TOPIC" in record.header("deadLetterReason")[0]
    daemon.wait_metric(1, "mqttproxy_publish_outcomes_total", outcome="dead_lettered")
    daemon.wait_metric(len(ids) - 1, "mqttproxy_publish_outcomes_total", outcome="stored")


def test_a_record_too_large_is_never_dead_lettered(strict_kafka: Kafka, start_daemon) -> None:
    """It would be too large there as well."""
    good, dead = strict_kafka.create_topic("good-large"), strict_kafka.create_topic("no-dead-letters", 1)
    daemon = start_daemon(by_topic(strict_kafka.address, deadLetter=dead))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish(good, b"x" * 8_192, qos=1))
        client.expect_closed()
    daemon.wait_log(r"reason=not_stored .* kafka_error=MSG_SIZE_TOO_LARGE")
    assert strict_kafka.read(dead) == []
