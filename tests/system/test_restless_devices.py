"""A minute in the life of devices whose connections keep breaking."""

import os
import random
from collections import Counter

from support import config
from support.delivery import assert_acked_is_stored, assert_in_order, stored_sequences
from support.fleet import Fleet, RestlessDevice
from support.kafka import Kafka

SECONDS = float(os.environ.get("RESTLESS_SECONDS", "60"))


def test_MQTT_4_4_0_1_fifty_restless_devices_lose_reorder_and_repeat_nothing(kafka: Kafka, start_daemon) -> None:
    """Acknowledged and missing: 0. QoS 2 exactly once. Order of first occurrences per client and Kafka topic."""
    seed = os.environ.get("RESTLESS_SEED", str(random.randrange(1 << 32)))
    print(f"RESTLESS_SEED={seed}")
    topics = [kafka.create_topic(name) for name in ("restless.a", "restless.b")]
    # Small limits, so that connections also break while they are parked.
    backend = config.kafka_filter(kafka.address, None, queue={"maxMessages": 100})
    daemon = start_daemon(
        config.render(config.node(limits={"ackWindow": 6}), config.proxy(), config.pipeline("publish", backend))
    )
    mqtt_topics = [topic.replace(".", "/") for topic in topics]
    devices = [RestlessDevice(f"restless{i}", mqtt_topics, SECONDS, seed) for i in range(50)]
    Fleet(devices, daemon.address).start().finish()

    stored: dict[str, Counter[int]] = {device.client_id: Counter() for device in devices}
    records = {topic: kafka.read(topic) for topic in topics}
    for topic in topics:
        assert_in_order(records[topic])
        for client_id, sequences in stored_sequences(records[topic]).items():
            stored[client_id].update(sequences)
    acknowledged = {device.client_id: device.acknowledged for device in devices}
    assert_acked_is_stored(acknowledged, [record for topic in topics for record in records[topic]])
    for device in devices:
        copies = stored[device.client_id]
        for sequence, qos in enumerate(device.qos):
            expected = {0: (0, 1), 1: range(1, 1 << 30), 2: (1,)}[qos]
            assert copies[sequence] in expected, f"{device.client_id}:{sequence} QoS {qos}: {copies[sequence]} times"
        assert device.connections > 1, "it has to break to test anything"
    metrics = daemon.metrics()
    assert metrics.total("mqttproxy_disconnects_total", reason="protocol_error") == 0
    assert metrics.total("mqttproxy_parks_total") > 0
    resets = sum(device.resets for device in devices)
    print(f"{sum(len(device.qos) for device in devices)} messages, {resets} resets")
    daemon.wait_metric(0, "mqttproxy_connections")
    daemon.wait_metric(0, "mqttproxy_unacked")
