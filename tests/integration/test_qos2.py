"""QoS 2 on its way in, section 4.3.3 method B: the packet id is remembered from PUBLISH to PUBREL."""

from support import config, mqtt
from support.daemon import Daemon
from support.kafka import read_topic
from support.mqtt import connected
from support.waiting import wait_until


def stored_by(daemon: Daemon, client_id: str) -> list[str | None]:
    records = read_topic(daemon.embedded_kafka, "uplink")
    return [record.payload for record in records if record.key == client_id]


def test_MQTT_4_3_3_2_many_exchanges_at_once(daemon: Daemon) -> None:
    """Ids in no order; PUBREC in the order of PUBLISH [MQTT-4.6.0-3], PUBCOMP in the order of PUBREL."""
    ids = [5, 3, 65535, 1, 400, 2, 9]
    with connected(daemon.address(), "q2-many") as client:
        client.send(*(mqtt.publish("t", b"%d" % packet_id, qos=2, packet_id=packet_id) for packet_id in ids))
        client.expect(*map(mqtt.pubrec, ids))
        client.send(*map(mqtt.pubrel, reversed(ids)))
        client.expect(*map(mqtt.pubcomp, reversed(ids)))
    assert stored_by(daemon, "q2-many") == [str(packet_id) for packet_id in ids]


def test_MQTT_4_3_3_2_pubrel_is_answered_however_often_it_comes(daemon: Daemon) -> None:
    with connected(daemon.address(), "q2-release", clean=False) as client:
        client.send(mqtt.publish("t", b"once", qos=2, packet_id=7))
        client.expect(mqtt.pubrec(7))
        client.send(mqtt.pubrel(7), mqtt.pubrel(7))
        client.expect(mqtt.pubcomp(7), mqtt.pubcomp(7))
    with connected(daemon.address(), "q2-release", clean=False, session_present=True) as client:
        client.send(mqtt.pubrel(7))
        client.expect(mqtt.pubcomp(7))
    assert stored_by(daemon, "q2-release") == ["once"]


def test_MQTT_3_1_2_6_a_clean_session_forgets_the_exchange(daemon: Daemon) -> None:
    with connected(daemon.address(), "q2-clean", clean=False) as client:
        client.send(mqtt.publish("t", b"first", qos=2, packet_id=7))
        client.expect(mqtt.pubrec(7))
    for text in (b"second", b"third"):
        with connected(daemon.address(), "q2-clean", clean=True) as client:
            client.send(mqtt.publish("t", text, qos=2, packet_id=7))
            client.expect(mqtt.pubrec(7))
    assert stored_by(daemon, "q2-clean") == ["first", "second", "third"]


def test_MQTT_2_3_1_1_qos_1_and_2_do_not_mix_up_their_packet_ids(daemon: Daemon) -> None:
    """A QoS 1 message under the id of an open QoS 2 exchange is a message of its own."""
    with connected(daemon.address(), "q2-mixed") as client:
        client.send(mqtt.publish("t", b"two", qos=2, packet_id=7))
        client.expect(mqtt.pubrec(7))
        client.send(
            mqtt.publish("t", b"one", qos=1, packet_id=7), mqtt.publish("t", b"one", qos=1, packet_id=7, dup=True)
        )
        client.expect(mqtt.puback(7), mqtt.puback(7))
        client.send(mqtt.publish("t", b"two", qos=2, packet_id=7, dup=True))
        client.expect(mqtt.pubrec(7))
    assert stored_by(daemon, "q2-mixed") == ["two", "one", "one"]


def test_MQTT_4_3_3_2_a_released_id_is_free_for_the_next_message(daemon: Daemon) -> None:
    with connected(daemon.address(), "q2-reuse") as client:
        for text in (b"1", b"2", b"3"):
            client.send(mqtt.publish("t", text, qos=2, packet_id=9))
            client.expect(mqtt.pubrec(9))
            client.send(mqtt.pubrel(9))
            client.expect(mqtt.pubcomp(9))
    assert stored_by(daemon, "q2-reuse") == ["1", "2", "3"]


def test_pubrel_before_pubrec_closes_and_the_message_is_still_stored_once(daemon: Daemon) -> None:
    with connected(daemon.address(), "q2-hasty", clean=False) as client:
        client.send(mqtt.publish("t", b"once", qos=2, packet_id=7) + mqtt.pubrel(7))  # one write: no report in between
        client.expect_closed()
    with connected(daemon.address(), "q2-hasty", clean=False, session_present=True) as client:
        client.send(mqtt.publish("t", b"once", qos=2, packet_id=7, dup=True))
        client.expect(mqtt.pubrec(7))
        client.send(mqtt.pubrel(7))
        client.expect(mqtt.pubcomp(7))
    assert stored_by(daemon, "q2-hasty") == ["once"]


def test_an_expired_session_forgets_the_exchange(start_daemon) -> None:
    daemon = start_daemon(config.simple(limits={"sessionExpiry": "1s"}))
    with connected(daemon.address(), "c", clean=False) as client:
        client.send(mqtt.publish("t", b"once", qos=2, packet_id=7))
        client.expect(mqtt.pubrec(7))
        client.end()
    # Swept every half minute.
    wait_until("the session is gone", lambda: daemon.metrics().total("mqttproxy_sessions_expired_total") == 1)
    connected(daemon.address(), "c", clean=False, session_present=False).end()
