"""librdkafka's idempotent producer gives up for good on a sequence error. The daemon does not."""

from support import config, mqtt
from support.kafka_proxy import KafkaProxy
from support.mqtt import connected
from support.waiting import wait_until


def test_a_fatal_producer_is_replaced_and_only_connections_with_unacked_messages_are_closed(
    new_kafka, start_daemon
) -> None:
    proxy = KafkaProxy()
    kafka = new_kafka(f"advertised.listeners=PLAINTEXT://{proxy.address}")
    kafka.start()
    proxy.start(kafka.port)
    daemon = start_daemon(config.simple(proxy.address))
    with connected(daemon.address(), "idle") as idle, connected(daemon.address(), "c", clean=False) as client:
        client.send(mqtt.publish("t", b"c:0", qos=1, packet_id=1))
        client.expect(mqtt.puback(1))
        proxy.spoil_next_produce()
        client.send(*(mqtt.publish("t", b"c:%d" % i, qos=1 + i % 2, packet_id=i + 1) for i in range(1, 30)))
        client.expect_closed()
        idle.expect_alive()
    assert proxy.spoilt
    daemon.wait_log("kafka producer fatal .*OUT_OF_ORDER_SEQUENCE_NUMBER")
    daemon.wait_metric(1, "mqttproxy_kafka_producer_restarts_total")
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="not_stored")
    daemon.wait_metric(0, "mqttproxy_unacked")
    with connected(daemon.address(), "c", clean=False, session_present=True) as client:
        client.send(*(mqtt.publish("t", b"c:%d" % i, qos=1 + i % 2, packet_id=i + 1, dup=True) for i in range(1, 30)))
        client.expect(*((mqtt.pubrec if i % 2 else mqtt.puback)(i + 1) for i in range(1, 30)))
    daemon.wait_ready()
    stored = [record.payload for record in kafka.read("uplink")]
    assert list(dict.fromkeys(stored)) == [f"c:{i}" for i in range(30)]
    wait_until("nothing is left", lambda: daemon.metrics().total("mqttproxy_kafka_queue_messages") == 0)
    proxy.close()
