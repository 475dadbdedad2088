"""PUBLISH at every QoS: what is answered, in which order, and what becomes of it in Kafka."""

import pytest

from support import config, mqtt
from support.daemon import Daemon
from support.kafka import Record, kcat, read_topic
from support.mqtt import Will, connected
from support.waiting import wait_until


def stored_by(daemon: Daemon, client_id: str) -> list[Record]:
    return [record for record in read_topic(daemon.embedded_kafka, "uplink") if record.key == client_id]


def payloads(records: list[Record]) -> list[str | None]:
    return [record.payload for record in records]


def test_qos_0_is_stored_and_not_answered(daemon: Daemon) -> None:
    with connected(daemon.address(), "q0") as client:
        client.send(mqtt.publish("a/b", b"hello"))
        client.expect_alive()
        wait_until("the record is stored", lambda: payloads(stored_by(daemon, "q0")) == ["hello"])
        client.end()


def test_MQTT_3_3_4_1_qos_1_is_answered_with_puback(daemon: Daemon) -> None:
    with connected(daemon.address(), "q1") as client:
        client.send(mqtt.publish("a/b", b"hello", qos=1, packet_id=65535))
        client.expect(mqtt.puback(65535))
    # Acked means in Kafka: no waiting here.
    assert payloads(stored_by(daemon, "q1")) == ["hello"]


def test_MQTT_4_3_2_2_after_puback_the_same_id_is_a_new_message(daemon: Daemon) -> None:
    with connected(daemon.address(), "q1-again") as client:
        for body in (b"first", b"second"):
            client.send(mqtt.publish("a/b", body, qos=1, packet_id=9, dup=body == b"second"))
            client.expect(mqtt.puback(9))
    assert payloads(stored_by(daemon, "q1-again")) == ["first", "second"]


def test_MQTT_4_3_3_2_qos_2_is_stored_once_however_often_it_is_sent(daemon: Daemon) -> None:
    with connected(daemon.address(), "q2") as client:
        client.send(mqtt.publish("a/b", b"once", qos=2, packet_id=7))
        client.expect(mqtt.pubrec(7))
        client.send(mqtt.publish("a/b", b"once", qos=2, packet_id=7, dup=True))
        client.expect(mqtt.pubrec(7))
        client.send(mqtt.pubrel(7))
        client.expect(mqtt.pubcomp(7))
        assert payloads(stored_by(daemon, "q2")) == ["once"]
        client.send(mqtt.publish("a/b", b"next", qos=2, packet_id=7))
        client.expect(mqtt.pubrec(7))
    assert payloads(stored_by(daemon, "q2")) == ["once", "next"]


def test_qos_2_exchange_survives_a_lost_connection(daemon: Daemon) -> None:
    with connected(daemon.address(), "q2-lost", clean=False) as client:
        client.send(mqtt.publish("a/b", b"once", qos=2, packet_id=7))
        client.expect(mqtt.pubrec(7))
    with connected(daemon.address(), "q2-lost", clean=False, session_present=True) as client:
        client.send(mqtt.publish("a/b", b"once", qos=2, packet_id=7, dup=True))
        client.expect(mqtt.pubrec(7))
        client.send(mqtt.pubrel(7))
        client.expect(mqtt.pubcomp(7))
    assert payloads(stored_by(daemon, "q2-lost")) == ["once"]


def test_pubrel_of_an_unknown_id_is_completed(daemon: Daemon) -> None:
    with connected(daemon.address(), "stray-release") as client:
        client.send(mqtt.pubrel(99))
        client.expect(mqtt.pubcomp(99))


def test_MQTT_4_6_0_2_acknowledgements_leave_in_publish_order(daemon: Daemon) -> None:
    """Different topics of one client, so different handling on the way; ids in no order of their own."""
    ids = [5, 3, 9, 1, 65535, 2, 8, 4]
    with connected(daemon.address(), "order") as client:
        for _ in range(20):
            client.send(
                *(mqtt.publish(f"t/{packet_id}", b"x" * packet_id, qos=1, packet_id=packet_id) for packet_id in ids)
            )
            client.expect(*map(mqtt.puback, ids))


def test_pubrec_and_puback_leave_in_publish_order(daemon: Daemon) -> None:
    with connected(daemon.address(), "mixed") as client:
        client.send(
            mqtt.publish("t", b"a", qos=2, packet_id=1),
            mqtt.publish("t", b"b", qos=1, packet_id=2),
            mqtt.publish("t", b"c", qos=0),
            mqtt.publish("t", b"d", qos=2, packet_id=3),
            mqtt.publish("t", b"e", qos=1, packet_id=4),
        )
        client.expect(mqtt.pubrec(1), mqtt.puback(2), mqtt.pubrec(3), mqtt.puback(4))
    assert payloads(stored_by(daemon, "mixed")) == list("abcde")


def test_identity_headers_and_key(daemon: Daemon) -> None:
    with connected(daemon.address(), "ident", username="hugo") as client:
        client.send(mqtt.publish("a/b/c", b"v", qos=1, retain=True))
        client.expect(mqtt.puback(1))
    (record,) = stored_by(daemon, "ident")
    assert dict(record.headers) == {
        "clientID": "ident",
        "username": "hugo",
        "mqttTopic": "a/b/c",
        "mqttQos": "1",
        "mqttRetain": "1",
    }


def test_an_empty_payload_is_an_empty_value_and_no_tombstone(daemon: Daemon) -> None:
    with connected(daemon.address(), "empty") as client:
        client.send(mqtt.publish("a/b", b"", qos=1))
        client.expect(mqtt.puback(1))
    lengths = kcat("-C", "-b", daemon.embedded_kafka, "-t", "uplink", "-o", "beginning", "-e", "-q", "-f", "%k %S\n")
    assert "empty 0" in lengths.splitlines()  # a null value has length -1


def test_binary_payloads_and_any_topic_characters_arrive(daemon: Daemon) -> None:
    with connected(daemon.address(), "bytes") as client:
        client.send(mqtt.publish("Straße/δ/ /\U0001f600", bytes(range(1, 128)), qos=1))
        client.expect(mqtt.puback(1))
    (record,) = stored_by(daemon, "bytes")
    assert record.header("mqttTopic") == ["Straße/δ/ /\U0001f600"]
    assert record.payload == bytes(range(1, 128)).decode()


def test_MQTT_2_3_1_5_a_qos_0_publish_has_no_packet_id(daemon: Daemon) -> None:
    """What looks like one is payload."""
    with connected(daemon.address(), "no-id") as client:
        client.send(bytes.fromhex("300a 0001 74") + b"\x00\x01hello")
        client.expect_alive()
        wait_until("the record is stored", lambda: payloads(stored_by(daemon, "no-id")) == ["\x00\x01hello"])


def test_MQTT_1_5_3_3_a_byte_order_mark_is_a_character_like_others(daemon: Daemon) -> None:
    with connected(daemon.address(), "\ufeffbom") as client:
        client.send(mqtt.publish("\ufeffa/\ufeff", b"v", qos=1))
        client.expect(mqtt.puback(1))
    (record,) = stored_by(daemon, "\ufeffbom")
    assert record.header("mqttTopic") == ["\ufeffa/\ufeff"]


def test_MQTT_2_3_1_6_an_acknowledgement_carries_the_packet_id_whatever_its_value(daemon: Daemon) -> None:
    ids = [1, 127, 128, 255, 256, 32767, 32768, 65535]
    with connected(daemon.address(), "ids") as client:
        for packet_id in ids:
            client.send(mqtt.publish("t", b"v", qos=1, packet_id=packet_id))
            client.expect(mqtt.puback(packet_id))


def test_the_will_is_stored_when_the_connection_is_lost(daemon: Daemon) -> None:
    """[MQTT-3.1.2-8]"""
    client = connected(daemon.address(), "mortal", will=Will("state/mortal", b"gone", qos=1, retain=True))
    client.socket.close()
    wait_until("the will is stored", lambda: payloads(stored_by(daemon, "mortal")) == ["gone"])
    (record,) = stored_by(daemon, "mortal")
    assert record.header("mqttTopic") == ["state/mortal"]


def test_MQTT_3_1_2_10_no_will_after_disconnect(daemon: Daemon) -> None:
    """[MQTT-3.14.4-3]"""
    connected(daemon.address(), "polite", will=Will("state/polite", b"gone")).end()
    # A will published by mistake would be stored before this one.
    client = connected(daemon.address(), "impolite", will=Will("state/impolite", b"gone"))
    client.socket.close()
    wait_until("the other will is stored", lambda: stored_by(daemon, "impolite"))
    assert stored_by(daemon, "polite") == []


def test_MQTT_3_1_2_12_no_will_without_its_flag(daemon: Daemon) -> None:
    wills = daemon.metrics().total("mqttproxy_wills_total")
    connected(daemon.address(), "no-will").socket.close()
    connected(daemon.address(), "has-will", will=Will("state", b"gone")).socket.close()
    wait_until("the will is stored", lambda: payloads(stored_by(daemon, "has-will")) == ["gone"])
    daemon.wait_metric(0, "mqttproxy_connections")
    assert stored_by(daemon, "no-will") == []
    assert daemon.metrics().total("mqttproxy_wills_total") == wills + 1


def test_the_will_is_stored_on_takeover(daemon: Daemon) -> None:
    first = connected(daemon.address(), "replaced", will=Will("state/replaced", b"gone"))
    with connected(daemon.address(), "replaced"):
        first.expect_closed()
        wait_until("the will is stored", lambda: payloads(stored_by(daemon, "replaced")) == ["gone"])
    first.socket.close()


def mapping(kafka: config.Document, **mapper_keys: object) -> str:
    mapper = config.PUBLISHED_MAPPER | mapper_keys
    return config.render(config.node(), config.proxy(), config.pipeline("publish", mapper, kafka))


@pytest.mark.parametrize("mapper_keys", [{}, {"onNoMatch": "disconnect"}])
def test_no_match_without_a_default_topic_closes_the_connection(start_daemon, mapper_keys) -> None:
    daemon = start_daemon(mapping(config.kafka_filter(topic=None, mqtt=config.MAPPED), **mapper_keys))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("other/x/y", b"v", qos=1))
        client.expect_closed()
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="pipeline")


def test_no_match_goes_to_the_default_topic_where_there_is_one(start_daemon) -> None:
    daemon = start_daemon(mapping(config.kafka_filter(mqtt=config.MAPPED)))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("other/x/y", b"v", qos=1))
        client.expect(mqtt.puback(1))
    assert payloads(stored_by(daemon, "c")) == ["v"]


def test_no_match_drop_acknowledges_and_counts(start_daemon) -> None:
    daemon = start_daemon(mapping(config.kafka_filter(topic=None, mqtt=config.MAPPED), onNoMatch="drop"))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("other/x/y", b"v", qos=1))
        client.expect(mqtt.puback(1))
    daemon.wait_metric(1, "mqttproxy_publish_outcomes_total", outcome="dropped")


def test_no_match_dead_letter_stores_the_message_with_its_reason(start_daemon) -> None:
    kafka = config.kafka_filter(topic=None, mqtt=config.MAPPED, deadLetter="dead")
    daemon = start_daemon(mapping(kafka, onNoMatch="deadLetter"))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("other/x/y", b"v", qos=1))
        client.expect(mqtt.puback(1))
    (record,) = read_topic(daemon.embedded_kafka, "dead")
    assert (record.key, record.payload) == ("c", "v")
    assert record.header("mqttTopic") == ["other/x/y"]
    assert record.header("deadLetterReason")


def test_MQTT_4_8_0_2_a_pipeline_that_stores_nothing_is_not_acknowledged(start_daemon) -> None:
    """Promise 1: the run ends before the Kafka filter, so there is no PUBACK."""
    daemon = start_daemon(
        config.render(
            config.node(),
            config.proxy(),
            config.pipeline("publish", config.kafka_filter(), flow=[{"filter": "END"}, {"filter": "kafka"}]),
        )
    )
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("t", b"v", qos=1))
        client.expect_closed()


def test_two_kafka_filters_store_both_records_before_the_ack(start_daemon) -> None:
    daemon = start_daemon(
        config.render(
            config.node(),
            config.proxy(),
            config.pipeline(
                "publish",
                config.kafka_filter(topic="first", name="kafka1"),
                config.kafka_filter(topic="second", name="kafka2"),
            ),
        )
    )
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("t", b"v", qos=1))
        client.expect(mqtt.puback(1))
    assert payloads(read_topic(daemon.embedded_kafka, "first")) == ["v"]
    assert payloads(read_topic(daemon.embedded_kafka, "second")) == ["v"]
