"""How long a PUBLISH takes, and what its filters do, as /metrics says it."""

from support import config, mqtt
from support.mqtt import connected


def test_every_publish_is_timed_to_each_step_of_its_way(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    for device in range(4):
        with connected(daemon.address(), f"timed-{device}") as client:
            client.send(mqtt.publish("a/b", b"x"))
            client.send(mqtt.publish("a/b", b"x", qos=1, packet_id=1))
            client.send(mqtt.publish("a/b", b"x", qos=2, packet_id=2))
            client.expect(mqtt.puback(1), mqtt.pubrec(2))
            client.end()
    metrics = daemon.metrics()

    def count(until: str) -> float:
        return metrics.total("mqttproxy_publish_seconds_count", until=until)

    assert (count("enqueued"), count("stored"), count("acknowledged")) == (12, 12, 8)
    # The record was in the queue before Kafka had it.
    until_enqueued = metrics.total("mqttproxy_publish_seconds_sum", until="enqueued")
    assert 0 < until_enqueued < metrics.total("mqttproxy_publish_seconds_sum", until="stored")
    for qos in ("0", "1", "2"):
        assert metrics.total("mqttproxy_publish_outcomes_total", qos=qos, outcome="stored") == 4
    # Header 2, topic 2 + 3, packet id 2 with QoS 1 and 2, payload 1.
    assert metrics.total("mqttproxy_packet_bytes_total", direction="in", type="PUBLISH") == 4 * (8 + 10 + 10)
    for answer in ("PUBACK", "PUBREC"):
        assert metrics.total("mqttproxy_packet_bytes_total", direction="out", type=answer) == 4 * 4
    assert metrics.total("mqttproxy_filter_results_total", pipeline="publish", filter="kafka", result="success") == 12


def test_filters_count_what_they_make_of_packets(start_daemon) -> None:
    documents = (
        config.node(),
        config.proxy(rules={"Connect": "auth", "Publish": "publish"}),
        config.pipeline("auth", config.auth_filter()),
        config.pipeline("publish", config.kafka_filter()),
    )
    daemon = start_daemon(config.render(*documents))
    with connected(daemon.address(), "right", username="test", password="test") as client:
        client.end()
    for _ in range(2):
        with mqtt.Client(daemon.address()) as client:
            client.send(mqtt.connect("wrong", username="test", password="wrong"))
            client.expect(mqtt.connack(4))
    metrics = daemon.metrics()
    for result, expected in {"success": 1, "AuthFail": 2, "failed": 0}.items():
        assert metrics.total("mqttproxy_filter_results_total", filter="auth", result=result) == expected
    # The first run on each worker is one of those that are timed.
    assert metrics.total("mqttproxy_filter_seconds_count", filter="auth") >= 1


def test_waiting_before_the_queue_counts(start_daemon) -> None:
    limit = {"requestRate": 1, "timePeriod": 1}
    daemon = start_daemon(
        config.render(config.node(), config.proxy(clientPublishLimit=limit), config.pipeline("publish", config.kafka_filter()))
    )
    with connected(daemon.address(), "limited") as client:
        client.send(*(mqtt.publish("a/b", b"x", qos=1, packet_id=packet_id) for packet_id in (1, 2)))  # one read
        client.expect(mqtt.puback(1), mqtt.puback(2))
    metrics = daemon.metrics()
    # The second waited for the second that the first one took, when it had been read long ago.
    for until in ("enqueued", "stored", "acknowledged"):
        assert metrics.total("mqttproxy_publish_seconds_sum", until=until) > 0.5
