"""Every limit of the way in: what happens at it, and the counter that says so."""

import base64
import hashlib
import itertools
import signal
from collections.abc import Callable

import pytest

from support import config, mqtt
from support.backend import Backend, message
from support.daemon import Daemon
from support.kafka import free_port_pair
from support.mqtt import Client, Will, connected
from support.waiting import wait_until

MIB = 1 << 20


def simple(**limits: object) -> str:
    return config.simple(limits=limits)


def test_max_connections_closes_what_comes_beyond(start_daemon) -> None:
    daemon = start_daemon(simple(maxConnections=2))
    with connected(daemon.address(), "one") as one, connected(daemon.address(), "two"):
        with Client(daemon.address()) as third:
            third.expect_closed()
        daemon.wait_metric(1, "mqttproxy_accepts_refused_total")
        assert daemon.metrics().total("mqttproxy_connections_limit") == 2
        one.end()
        daemon.wait_metric(1, "mqttproxy_connections")
        with connected(daemon.address(), "three") as three:
            three.expect_alive()


def test_max_connections_per_address_closes_what_comes_beyond_from_there(start_daemon) -> None:
    daemon = start_daemon(simple(maxConnectionsPerAddress=2))
    with connected(daemon.address(), "one") as one, connected(daemon.address(), "two"):
        with Client(daemon.address()) as third:
            third.expect_closed()
        daemon.wait_metric(1, "mqttproxy_accepts_refused_total", cause="address")
        with Client(daemon.address(), source="127.0.0.2") as elsewhere:
            elsewhere.connect("elsewhere").expect_alive()
        one.end()
        daemon.wait_metric(1, "mqttproxy_connections")
        with connected(daemon.address(), "three") as three:
            three.expect_alive()


def test_above_max_memory_nothing_is_taken_that_would_add_to_it(start_daemon) -> None:
    # What AddressSanitizer keeps of freed memory is not what this is about.
    inside = ("env", "ASAN_OPTIONS=quarantine_size_mb=1:detect_leaks=1")
    probe = start_daemon(simple(), inside=inside)
    ceiling = probe.rss_bytes() + 64 * MIB
    probe.stop()
    limits = {"maxMemory": ceiling, "sessionQueueMessages": 100_000, "sessionQueueBytes": 1 << 30}
    daemon = start_daemon(simple(**limits), inside=inside)
    with connected(daemon.address(), "away", clean=False) as client:
        client.subscribe(("t", 1))
    with (
        connected(daemon.address(), "here") as here,
        connected(daemon.address(), "large") as large,
        Backend(daemon) as backend,
    ):
        answers = (backend.post(message("t", f"{number} " + "x" * MIB, qos=1)) for number in range(1_000))
        refused = next(answer for answer in answers if answer.status != 200)
        assert (refused.status, refused.json()["accepted"]) == (503, 0)
        assert "limits.maxMemory" in refused.json()["message"]
        daemon.wait_metric(1, "mqttproxy_http_publishes_refused_total", cause="memory")
        daemon.wait_metric(1, "mqttproxy_memory_full")
        assert daemon.rss_bytes() < ceiling + 64 * MIB  # what waited when it was noticed, and allocators
        with Client(daemon.address()) as late:
            late.expect_closed()
        daemon.wait_metric(1, "mqttproxy_accepts_refused_total", cause="memory")
        here.send(mqtt.publish("t", b"small", qos=1))
        here.expect(mqtt.puback(1))
        large.send(mqtt.publish("t", b"x" * 500_000, qos=1)[:-1])
        large.expect_closed()
        daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="memory_limit")
        assert backend.delete("away").status == 200
        daemon.wait_metric(0, "mqttproxy_memory_full")
        backend.publish("t", "there is room again", qos=1)


def test_max_allowed_connection_is_counted_by_return_code(start_daemon) -> None:
    pipeline = config.pipeline("publish", config.kafka_filter())
    daemon = start_daemon(config.render(config.node(), config.proxy(maxAllowedConnection=1), pipeline))
    with connected(daemon.address(), "one"), Client(daemon.address()) as other:
        other.send(mqtt.connect("two"))
        other.expect(mqtt.connack(3))
        other.expect_closed()
    daemon.wait_metric(1, "mqttproxy_connects_total", return_code="3")
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="connect_refused")


def test_max_allowed_connection_holds_across_workers(start_daemon) -> None:
    pipeline = config.pipeline("publish", config.kafka_filter())
    daemon = start_daemon(config.render(config.node(threads=4), config.proxy(maxAllowedConnection=5), pipeline))
    for _ in range(10):
        clients = [Client(daemon.address()) for _ in range(30)]
        for number, client in enumerate(clients):
            client.send(mqtt.connect(f"c{number}"))
        answers = [client.receive(4) for client in clients]
        assert answers.count(mqtt.connack()) == 5
        assert answers.count(mqtt.connack(3)) == 25
        for client in clients:
            client.socket.close()
        daemon.wait_metric(0, "mqttproxy_connections")


def test_connect_time_out_is_not_put_off_by_single_bytes(start_daemon) -> None:
    daemon = start_daemon(simple(connectTimeout="1s"))
    packet = mqtt.connect("x" * 1_000)
    with Client(daemon.address()) as client:
        drip(client, packet)
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="connect_timeout")


def drip(client: Client, packet: bytes) -> None:
    """Byte by byte until the server closes, which has to be before the last one."""
    rest = iter(packet[:-1])

    def closed() -> bool:
        try:
            client.socket.send(bytes([next(rest)]))
        except ConnectionError:
            return True
        return False

    wait_until("the server has closed", closed, pause=0.05)


def test_MQTT_3_1_2_24_a_packet_dripped_byte_by_byte_is_not_activity(start_daemon) -> None:
    daemon = start_daemon(simple())
    with connected(daemon.address(), "dripping", keep_alive=1) as client:
        drip(client, mqtt.publish("t", b"x" * 10_000, qos=1))
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="keep_alive")
    assert daemon.metrics().total("mqttproxy_publishes_total") == 0


def test_MQTT_3_1_3_9_client_id_beyond_the_limit_is_answered_with_2_and_counted(start_daemon) -> None:
    daemon = start_daemon(simple(maxClientIdLength=23))
    # [MQTT-3.1.3-5] 23 characters must do
    connected(daemon.address(), "0123456789abcdefghijKLM").end()
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("x" * 24))
        client.expect(mqtt.connack(2))
        client.expect_closed()
    daemon.wait_metric(1, "mqttproxy_connects_total", return_code="2")
    daemon.wait_metric(1, "mqttproxy_protocol_errors_total", kind="client_id_rejected")


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory):
    limits = {"maxTopicLength": 10, "maxTopicLevels": 3}
    daemon = Daemon(simple(**limits), tmp_path_factory.mktemp("tight"))
    yield daemon
    daemon.stop()


@pytest.mark.parametrize(("fits", "beyond"), [("0123456789", "0123456789a"), ("a/b/c", "a/b/c/d"), ("//", "///")])
def test_topic_length_and_levels(tight: Daemon, fits: str, beyond: str) -> None:
    before = tight.metrics().total("mqttproxy_protocol_errors_total", kind="topic_name")
    with connected(tight.address(), "c") as client:
        client.send(mqtt.publish(fits, b"x", qos=1))
        client.expect(mqtt.puback(1))
        client.send(mqtt.publish(beyond, b"x", qos=1))
        client.expect_closed()
    tight.wait_metric(before + 1, "mqttproxy_protocol_errors_total", kind="topic_name")


def test_topic_limits_hold_for_wills(tight: Daemon) -> None:
    before = tight.metrics().total("mqttproxy_protocol_errors_total", kind="topic_name")
    connected(tight.address(), "c", will=Will("a/b/c", b"")).end()
    for topic in ("a/b/c/d", "0123456789a"):
        with Client(tight.address()) as client:
            client.send(mqtt.connect("c", will=Will(topic, b"")))
            client.expect_closed()
    tight.wait_metric(before + 2, "mqttproxy_protocol_errors_total", kind="topic_name")


def test_packets_beyond_the_limit_are_refused_by_their_header_whatever_their_type(start_daemon) -> None:
    daemon = start_daemon(simple(maxPacketSize=200))
    for first_byte in (0x30, 0x82, 0xA2):
        with connected(daemon.address(), "c") as client:
            client.send(bytes([first_byte]) + mqtt.remaining_length(198))  # 201 bytes with the header
            client.expect_closed()
    daemon.wait_metric(3, "mqttproxy_protocol_errors_total", kind="packet_too_large")


def test_topic_max_dynamic_refuses_further_kafka_topics(start_daemon) -> None:
    kafka = config.kafka_filter(topic=None) | {"topic": {"maxDynamic": 2}}
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", kafka)))
    for topic in ("first/a", "second/b", "first/a"):
        with connected(daemon.address(), "c") as client:
            client.send(mqtt.publish(topic, b"x", qos=1))
            client.expect(mqtt.puback(1))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("third/c", b"x", qos=1))
        client.expect_closed()
    daemon.wait_log(r'client_id="c".* reason=pipeline .*topic\.maxDynamic')
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="pipeline")
    assert daemon.metrics().total("mqttproxy_kafka_topics") == 2
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("second/b", b"x", qos=1))
        client.expect(mqtt.puback(1))


def test_topic_max_dynamic_leaves_the_rest_to_the_dead_letter_topic(start_daemon) -> None:
    kafka = config.kafka_filter(topic=None, deadLetter="dead") | {"topic": {"maxDynamic": 0}}
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", kafka)))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("first/a", b"x", qos=1))
        client.expect(mqtt.puback(1))


def test_a_full_producer_queue_and_ack_window_are_counted(start_daemon) -> None:
    daemon = start_daemon(config.simple(limits={"ackWindow": 4}, kafka={"queue": {"maxMessages": 2}}))
    with connected(daemon.address(), "c") as client:
        client.send(*(mqtt.publish("t", b"x", qos=1, packet_id=i + 1) for i in range(500)))
        client.expect(*(mqtt.puback(i + 1) for i in range(500)))
    metrics = daemon.metrics()
    assert metrics.total("mqttproxy_parks_total", cause="producer_queue") > 0
    assert metrics.total("mqttproxy_kafka_queue_full_total") > 0
    assert metrics.total("mqttproxy_kafka_queue_limit_messages") == 2


def test_waiting_wills_beyond_the_limit_are_lost_and_counted(start_daemon) -> None:
    nobody = f"127.0.0.1:{free_port_pair()}"
    documents = config.simple(
        nobody, kafka={"queue": {"maxMessages": 1}}, threads=1, limits={"maxWaitingWills": 2, "drainTimeout": 0}
    )
    daemon = start_daemon(documents)
    with connected(daemon.address(), "filler") as filler:
        filler.send(mqtt.publish("t", b"fills the queue", qos=1))
        filler.expect_alive()
        for number in range(5):
            connected(daemon.address(), f"mortal{number}", will=Will("state", b"gone")).socket.close()
        daemon.wait_metric(3, "mqttproxy_wills_dropped_total")
        assert daemon.metrics().total("mqttproxy_wills_waiting") == 2
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit() == 1  # the filler's record had to be given up, and so had the two wills
    daemon.check_log()
    assert len([line for line in daemon.lines if "will not stored" in line]) == 2


def test_passwords_beyond_the_limit_are_answered_with_3_and_counted(start_daemon, tmp_path) -> None:
    salt = b"0123456789abcdef"
    digest = hashlib.pbkdf2_hmac("sha256", b"secret", salt, 200_000)
    salt64, digest64 = (base64.b64encode(value).decode().rstrip("=") for value in (salt, digest))
    users = tmp_path / "users"
    users.write_text(f"slow:$pbkdf2-sha256$i=200000${salt64}${digest64}\n")
    auth = {"kind": "MQTTClientAuth", "name": "auth", "file": str(users)}
    daemon = start_daemon(
        config.render(
            config.node(limits={"maxWaitingPasswords": 1}),
            config.proxy(rules={"Connect": "auth", "Publish": "publish"}),
            config.pipeline("auth", auth),
            config.pipeline("publish", config.kafka_filter()),
        )
    )
    clients = [Client(daemon.address()) for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(mqtt.connect(f"c{number}", username="slow", password="secret"))
    answers = [client.receive(4) for client in clients]
    for client in clients:
        client.socket.close()
    refused = answers.count(mqtt.connack(3))
    assert refused > 0 and refused + answers.count(mqtt.connack(0)) == len(clients)
    daemon.wait_metric(refused, "mqttproxy_password_checks_refused_total")
    daemon.wait_metric(refused, "mqttproxy_connects_total", return_code="3")


def persistent(daemon: Daemon, client_id: str) -> bytes:
    """The answer to a CONNECT with clean session 0, which ends at once."""
    with Client(daemon.address()) as client:
        client.send(mqtt.connect(client_id, clean=False))
        return client.receive(4)


@pytest.mark.parametrize("mode", ["local", "kafka"])
def test_sessions_beyond_the_limit_are_refused_and_those_there_are_live_on(start_daemon, mode: str) -> None:
    downlink = {"mode": mode} | ({"backend": ["embedded"]} if mode == "kafka" else {})
    daemon = start_daemon(config.simple(limits={"maxSessions": 3}, downlink=downlink))
    daemon.wait_ready()
    for number in range(3):
        assert persistent(daemon, f"c{number}") == mqtt.connack(0)
    gauge = "mqttproxy_cluster_sessions" if mode == "kafka" else "mqttproxy_sessions_persistent"
    daemon.wait_metric(3, gauge)
    assert persistent(daemon, "c3") == mqtt.connack(3)
    daemon.wait_log('client_id="c3" .*refused by limits.maxSessions')
    daemon.wait_metric(1, "mqttproxy_sessions_refused_total")
    assert persistent(daemon, "c1") == mqtt.connack(0, session_present=True)
    connected(daemon.address(), "clean").end()
    connected(daemon.address(), "c0").end()  # a clean start gives its place to another one
    wait_until("a place", lambda: persistent(daemon, "c3") == mqtt.connack(0))
    others = (f"x{number}" for number in itertools.count())
    wait_until("none is left", lambda: persistent(daemon, next(others)) == mqtt.connack(3))


def test_a_message_too_large_is_the_business_of_its_sender_alone(start_daemon) -> None:
    """Others with messages on their way at the same time get their acknowledgements."""
    daemon = start_daemon(config.simple(limits={"maxPacketSize": 1_000}, kafka={"properties": {"linger.ms": 200}}))
    others = [connected(daemon.address(), f"other{i}") for i in range(8)]
    large = connected(daemon.address(), "large")
    for other in others:
        other.send(*(mqtt.publish("t", b"x" * 900, qos=1, packet_id=i) for i in range(1, 21)))
    large.send(mqtt.publish("t", b"fits", qos=1, packet_id=1), mqtt.publish("t", b"x" * 1_000, qos=1, packet_id=2))
    large.expect_closed()
    for other in others:
        other.expect(*(mqtt.puback(i) for i in range(1, 21)))
        other.end()
