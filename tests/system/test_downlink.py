"""The bus through a real Kafka: what is in the downlink topic reaches the subscribers of every node, in order."""

from support import config
from support.backend import Backend, message
from support.daemon import Daemon, Response, run
from support.kafka import Kafka
from support.mqtt import Client, connected
from support.waiting import wait_until

TOPIC = "mqttproxy-downlink"


# Room for everything a test writes: what is lost here is lost by the bus.
LIMITS = {"sessionQueueMessages": 1_000_000, "maxUnsentBytes": "64MiB"}


def documents(kafka: Kafka, topic: str = TOPIC, **downlink: object) -> str:
    shared = {"backend": [kafka.address], "topic": topic, "sessionsTopic": f"{topic}-sessions"}
    section = {"mode": "kafka"} | shared | downlink
    return config.render(
        config.node(downlink=section, limits=LIMITS),
        config.proxy(),
        config.pipeline("publish", config.kafka_filter(kafka.address)),
    )


def subscriber(daemon: Daemon, *filters: tuple[str, int]) -> Client:
    client_id = f"subscriber-{daemon.process.pid}"  # another on each node
    return connected(daemon.address(), client_id).subscribe(*(filters or (("#", 1),)))


def post(daemon: Daemon, topic: str, payload: str) -> Response:
    with Backend(daemon) as backend:
        return backend.post(message(topic, payload, qos=1))


def ready_nodes(start_daemon, kafka: Kafka, topic: str, count: int = 2, **downlink: object) -> list[Daemon]:
    nodes = [start_daemon(documents(kafka, topic, **downlink)) for _ in range(count)]
    for node in nodes:
        node.wait_ready()
    return nodes


def test_a_record_of_any_producer_reaches_the_subscribers_of_every_node(kafka: Kafka, start_daemon, topic: str) -> None:
    nodes = ready_nodes(start_daemon, kafka, topic)
    clients = [subscriber(node, ("room/+/light", 1)) for node in nodes]
    kafka.write(topic, ("room/1/light", "on"))
    kafka.write(topic, ("room/2/light", "off"), headers={"qos": "0", "proxy": "mqttproxy", "expiry": "600"})
    for client in clients:
        received = {(m.topic, m.payload, m.qos) for m in client.take(2)}
        assert received == {("room/1/light", b"on", 1), ("room/2/light", b"off", 0)}


def test_published_on_either_node_reaches_both(kafka: Kafka, start_daemon, topic: str) -> None:
    nodes = ready_nodes(start_daemon, kafka, topic)
    clients = [subscriber(node, ("t", 1)) for node in nodes]
    for number, node in enumerate(nodes):
        assert post(node, "t", f"from {number}").status == 200
        for client in clients:
            client.expect_message("t", b"from %d" % number, qos=1)
    # What was answered with 200 is in Kafka, in the documented format.
    records = kafka.read(topic)
    assert [(r.key, r.payload) for r in records] == [("t", "from 0"), ("t", "from 1")]
    assert {r.headers for r in records} == {(("qos", "1"), ("proxy", "mqttproxy"))}


def test_order_holds_per_mqtt_topic(kafka: Kafka, start_daemon, topic: str) -> None:
    nodes = ready_nodes(start_daemon, kafka, topic)
    clients = [subscriber(node, ("#", 1)) for node in nodes]
    topics, count = [f"t/{i}" for i in range(10)], 200
    kafka.write(topic, *((name, str(sequence)) for sequence in range(count) for name in topics))
    for client in clients:
        received: dict[str, list[int]] = {}
        for message in client.take(count * len(topics)):
            received.setdefault(message.topic, []).append(int(message.payload))
        assert received == {name: list(range(count)) for name in topics}


def test_bad_and_expired_records_are_counted_and_stop_nothing(kafka: Kafka, start_daemon, topic: str) -> None:
    (node,) = ready_nodes(start_daemon, kafka, topic, count=1)
    client = subscriber(node)
    kafka.write(topic, ("a/+", "wildcard"), ("", "empty"))
    kafka.write(topic, ("t", "qos"), headers={"qos": "2"})
    kafka.write(topic, ("t", "expiry"), headers={"expiry": "soon"})
    kafka.write(topic, ("t", "expired"), headers={"expiry": "0"})
    kafka.write(topic, ("t", "elsewhere"), headers={"proxy": "another"})
    kafka.write(topic, ("t", "good"))
    client.expect_message("t", b"good", qos=1)
    bad = "mqttproxy_downlink_bad_records_total"
    node.wait_metric(2, bad, cause="bad_topic")
    node.wait_metric(1, bad, cause="bad_qos")
    node.wait_metric(1, bad, cause="bad_expiry")
    node.wait_metric(1, "mqttproxy_downlink_expired_total")
    node.wait_metric(1, "mqttproxy_downlink_other_proxy_total")
    node.wait_metric(1, "mqttproxy_downlink_records_total")
    node.wait_log("downlink record skipped cause=bad_qos")


def test_a_killed_kafka_loses_nothing_that_was_acknowledged(new_kafka, start_daemon) -> None:
    kafka = new_kafka().start()
    nodes = ready_nodes(start_daemon, kafka, TOPIC)
    clients = [subscriber(node) for node in nodes]
    before, after = 2_000, 500
    kafka.write(TOPIC, *(("t", str(sequence)) for sequence in range(before)))
    kafka.kill()
    for node in nodes:
        wait_until("/readyz says 503", lambda: not node.ready())
    response = post(nodes[0], "t", "lost")
    assert response.status == 503, response
    kafka.start()
    kafka.write(TOPIC, *(("t", str(sequence)) for sequence in range(before, before + after)))
    for client in clients:
        received = [m.payload for m in client.take(before + after)]
        assert [int(p) for p in received if p != b"lost"] == list(range(before + after - received.count(b"lost")))
    for node in nodes:
        node.wait_ready()
        assert post(node, "again", "works").status == 200


def test_a_small_inbox_loses_nothing(kafka: Kafka, start_daemon, topic: str) -> None:
    (node,) = ready_nodes(start_daemon, kafka, topic, count=1, queue={"maxMessages": 1})
    client = subscriber(node)
    count = 20_000
    kafka.write(topic, *(("t", str(sequence)) for sequence in range(count)))
    assert [int(m.payload) for m in client.take(count)] == list(range(count))
    assert node.metrics().total("mqttproxy_kafka_consumer_pauses_total") > 0
    node.wait_metric(0, "mqttproxy_kafka_consumer_lag_records")


def test_partitions_that_are_added_are_read_from_their_beginning(kafka: Kafka, start_daemon, topic: str) -> None:
    (node,) = ready_nodes(start_daemon, kafka, topic, count=1)
    client = subscriber(node)
    kafka.add_partitions(topic, 16)
    names = [f"t/{i}" for i in range(64)]
    kafka.write(topic, *((name, "v") for name in names))
    assert any(record.partition >= 4 for record in kafka.read(topic))
    assert {m.topic for m in client.take(len(names))} == set(names)


def test_topics_are_made_as_configured(new_kafka, start_daemon) -> None:
    kafka = new_kafka("auto.create.topics.enable=false").start()
    wanted = {"partitions": 3, "replicationFactor": 1, "retention": "1h"}
    (node,) = ready_nodes(start_daemon, kafka, "made", count=1, **wanted)
    description = kafka.describe("made")
    assert "PartitionCount: 3" in description and "retention.ms=3600000" in description, description
    description = kafka.describe("made-sessions")
    for setting in ("cleanup.policy=compact", "message.timestamp.type=LogAppendTime", "min.compaction.lag.ms=3600000"):
        assert setting in description, description
    client = subscriber(node)
    assert post(node, "t", "v").status == 200
    client.expect_message("t", b"v", qos=1)


def test_a_missing_topic_that_may_not_be_made_is_waited_for(kafka: Kafka, start_daemon, topic: str) -> None:
    name = f"{topic}-later"
    node = start_daemon(documents(kafka, name, createTopics=False))
    reason = f"topic {name}: it does not exist, and createTopics is false"
    wait_until("the reason", lambda: reason in node.http("/readyz").body)
    response = post(node, "t", "v")
    assert response.status == 503 and "not ready" in response.body, response
    sessions = kafka.create_topic(f"{name}-sessions", partitions=8)  # fails if looking at it has made it
    wait_until("what is wrong", lambda: f"topic {sessions}: cleanup.policy is delete" in node.http("/readyz").body)
    kafka.configure(sessions, "cleanup.policy=compact")
    kafka.configure(sessions, "min.compaction.lag.ms=3600000")
    wait_until("what else is", lambda: f"topic {sessions}: message.timestamp.type" in node.http("/readyz").body)
    kafka.configure(sessions, "message.timestamp.type=LogAppendTime")
    kafka.create_topic(name)
    node.wait_ready()


def test_kafka_may_be_absent_at_the_start_of_the_bus(new_kafka, start_daemon) -> None:
    kafka = new_kafka()
    node = start_daemon(documents(kafka))
    wait_until("the reason", lambda: f"downlink: Kafka {kafka.address} unreachable" in node.http("/readyz").body)
    assert post(node, "t", "v").status == 503
    kafka.start()
    node.wait_ready()
    client = subscriber(node)
    kafka.write(TOPIC, ("t", "v"))
    client.expect_message("t", b"v", qos=1)


def test_check_connect_says_what_is_wrong_with_the_topic(kafka: Kafka, tmp_path, topic: str) -> None:
    def check(name: str, **downlink: object):
        file = tmp_path / "mqttproxy.yaml"
        file.write_text(documents(kafka, name, **downlink))
        return run("check", file, "--connect")

    good = check(topic)
    assert good.returncode == 0 and f"topic {topic}: 4 partitions" in good.stdout, good
    few = check(topic, partitions=5)
    assert few.returncode == 2 and f"topic {topic}: 4 partitions, the configuration asks for 5" in few.stderr, few
    copies = check(topic, replicationFactor=3)
    assert copies.returncode == 2 and "replication factor 1, the configuration asks for 3" in copies.stderr, copies
    kept = check(topic, retention="1000h")
    assert kept.returncode == 2 and "retention.ms is 604800000" in kept.stderr, kept
    missing = check("no-such-topic", createTopics=False)
    assert missing.returncode == 2 and "it does not exist, and createTopics is false" in missing.stderr, missing
    later = check("not-yet")
    assert later.returncode == 0 and "the first start makes it" in later.stdout, later
    impossible = check("not-ever", replicationFactor=3)
    assert impossible.returncode == 2 and "cannot be made" in impossible.stderr, impossible
    kafka.configure(topic, "cleanup.policy=compact")
    compacted = check(topic)
    assert compacted.returncode == 2 and "cleanup.policy is compact" in compacted.stderr, compacted


def test_check_connect_without_a_kafka(new_kafka, tmp_path) -> None:
    kafka = new_kafka()
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(documents(kafka))
    assert run("check", file).returncode == 0
    absent = run("check", file, "--connect")
    assert absent.returncode == 2 and f"Kafka {kafka.address} unreachable" in absent.stderr, absent


def test_a_topic_made_anew_is_read_from_its_beginning(new_kafka, start_daemon) -> None:
    kafka = new_kafka().start()
    (node,) = ready_nodes(start_daemon, kafka, TOPIC, count=1, createTopics=True)
    client = subscriber(node)
    kafka.write(TOPIC, *(("t", str(sequence)) for sequence in range(10)))
    assert len(client.take(10)) == 10
    kafka.delete_topic(TOPIC)
    wait_until("it is back", lambda: "PartitionCount" in kafka.describe(TOPIC))
    kafka.write(TOPIC, ("t", "anew"))
    client.expect_message("t", b"anew", qos=1)
