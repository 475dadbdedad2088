"""What a backend posts reaches every subscribed device: filters, QoS, order, slow readers."""

import threading

import pytest

from support import config, mqtt
from support.backend import Backend, message
from support.daemon import Daemon
from support.mqtt import Client, connected
from support.waiting import wait_until


@pytest.fixture
def backend(daemon: Daemon):
    with Backend(daemon) as connection:
        yield connection


def test_MQTT_4_3_1_1_a_message_reaches_its_subscriber(daemon: Daemon, backend: Backend) -> None:
    """Without DUP, and without RETAIN [MQTT-3.3.1-9]."""
    with connected(daemon.address(), "sub").subscribe(("news/today", 0)) as client:
        backend.publish("news/today", "hello")
        client.expect(mqtt.publish("news/today", b"hello"))


@pytest.mark.parametrize(("published", "granted", "received"), [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 2, 1)])
def test_MQTT_3_8_4_6_the_qos_is_the_lower_of_published_and_granted(daemon, backend, published, granted, received) -> None:
    with connected(daemon.address(), "qos").subscribe(("q/x", granted)) as client:
        backend.publish("q/x", "v", published)
        client.expect_message("q/x", b"v", received)


def test_MQTT_3_9_3_1_one_return_code_for_each_filter_in_order(daemon: Daemon) -> None:
    """[MQTT-2.3.1-7] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-4] [MQTT-3.8.4-5]

    Of UNSUBSCRIBE: [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6]"""
    with connected(daemon.address(), "codes") as client:
        client.send(mqtt.subscribe(10, ("a", 0), ("b/#", 2), ("+/c", 1)))
        client.expect(bytes.fromhex("9005000a000101"))
        client.send(mqtt.unsubscribe(11, "a", "never/subscribed"))
        client.expect(mqtt.unsuback(11))


# Filter, topics it matches, topics it does not match.
FILTERS = [
    ("sport/tennis/player1/#", ["sport/tennis/player1", "sport/tennis/player1/ranking"], ["sport/tennis"]),
    ("sport/#", ["sport", "sport/", "sport/a/b"], ["sports", "a/sport"]),
    ("sport/tennis/+", ["sport/tennis/player1", "sport/tennis/"], ["sport/tennis/player1/ranking", "sport/tennis"]),
    ("sport/+", ["sport/"], ["sport"]),
    ("+/+", ["/finance", "a/b"], ["finance", "a/b/c"]),
    ("/+", ["/finance"], ["finance", "//finance"]),
    ("+", ["finance"], ["/finance"]),
    ("#", ["a", "/", "a/b/c"], ["$SYS/x"]),
    ("+/monitor/Clients", ["x/monitor/Clients"], ["$SYS/monitor/Clients"]),
    ("$SYS/#", ["$SYS/x", "$SYS"], ["SYS/x"]),
    ("$SYS/monitor/+", ["$SYS/monitor/Clients"], []),
    ("Accounts payable", ["Accounts payable"], ["ACCOUNTS PAYABLE"]),
]


@pytest.mark.parametrize(("topic_filter", "matched", "others"), FILTERS, ids=[f[0] for f in FILTERS])
def test_MQTT_4_7_filters_match_what_they_should(daemon, backend, topic_filter, matched, others) -> None:
    """[MQTT-3.3.2-3] [MQTT-4.7.1-1] [MQTT-4.7.2-1] [MQTT-4.7.3-4]"""
    with connected(daemon.address(), "filter").subscribe((topic_filter, 0), ("the end", 0)) as client:
        for topic in [*others, *matched]:
            backend.publish(topic, topic)
        backend.publish("the end", "")
        assert [client.receive_message().topic for _ in [*matched, ""]] == [*matched, "the end"]


def test_MQTT_3_3_5_1_overlapping_filters_give_one_copy_at_the_highest_qos(daemon: Daemon, backend: Backend) -> None:
    filters = [("o/#", 0), ("o/x", 1), ("+/x", 0), ("o/+", 0)]
    with connected(daemon.address(), "overlap").subscribe(*filters) as client:
        backend.publish("o/x", "once", 1)
        client.expect_message("o/x", b"once", 1)
        client.expect_alive()


def test_MQTT_3_8_4_3_a_repeated_filter_replaces_the_first(daemon: Daemon, backend: Backend) -> None:
    with connected(daemon.address(), "repeat").subscribe(("r", 1)).subscribe(("r", 0), packet_id=2) as client:
        backend.publish("r", "v", 1)
        client.expect_message("r", b"v", 0)
        client.expect_alive()


def test_MQTT_3_10_4_2_nothing_comes_after_unsuback(daemon: Daemon, backend: Backend) -> None:
    with connected(daemon.address(), "leave").subscribe(("l/a", 0), ("l/b", 0)) as client:
        client.send(mqtt.unsubscribe(2, "l/a"))
        client.expect(mqtt.unsuback(2))
        backend.publish("l/a", "no")
        backend.publish("l/b", "yes")
        client.expect_message("l/b", b"yes")


def test_a_device_hears_nothing_of_what_devices_publish(daemon: Daemon, backend: Backend) -> None:
    with connected(daemon.address(), "ear").subscribe(("t", 0)) as ear, connected(daemon.address(), "mouth") as mouth:
        mouth.send(mqtt.publish("t", b"for Kafka", qos=1))
        mouth.expect(mqtt.puback(1))
        backend.publish("t", "for devices")
        ear.expect_message("t", b"for devices")


@pytest.mark.parametrize("qos", [0, 1])
def test_binary_payloads_arrive_byte_for_byte(daemon: Daemon, backend: Backend, qos: int) -> None:
    with connected(daemon.address(), "binary").subscribe(("bin/δ", 1)) as client:
        for payload in [b"", bytes(range(256)), b"\xff\xfe\x00", bytes(range(256)) * 1_000]:
            backend.publish("bin/δ", payload, qos)
            client.expect_message("bin/δ", payload, qos)


@pytest.mark.parametrize("qos", [0, 1])
def test_MQTT_4_6_0_5_messages_of_one_http_connection_arrive_in_their_order(daemon: Daemon, backend: Backend, qos: int) -> None:
    count = 300
    clients = [connected(daemon.address(), f"order{i}").subscribe((f"order{qos}/#", qos)) for i in range(8)]
    for number in range(0, count, 3):
        backend.publish(f"order{qos}/{number % 7}", str(number), qos)
        batch = [message(f"order{qos}/{n % 7}", str(n), qos) for n in (number + 1, number + 2)]
        assert backend.post(batch).status == 200
    for client in clients:
        assert [int(m.payload) for m in client.take(count)] == list(range(count))
        client.socket.close()


def test_MQTT_4_5_0_1_many_http_connections_reach_many_subscribers(daemon: Daemon) -> None:
    """Messages of one connection keep their order at every subscriber, whatever the others do."""
    posters, count = 6, 50
    clients = [connected(daemon.address(), f"many{i}").subscribe(("many/#", 1)) for i in range(20)]

    def post(poster: int) -> None:
        with Backend(daemon) as own:
            for number in range(count):
                own.publish(f"many/{poster}", str(number), 1)

    threads = [threading.Thread(target=post, args=(poster,)) for poster in range(posters)]
    for thread in threads:
        thread.start()
    for client in clients:
        received: dict[str, list[int]] = {}
        for m in client.take(posters * count):
            received.setdefault(m.topic, []).append(int(m.payload))
        assert received == {f"many/{poster}": list(range(count)) for poster in range(posters)}
        client.socket.close()
    for thread in threads:
        thread.join()


def test_a_thousand_subscribers_get_every_message(daemon: Daemon, backend: Backend) -> None:
    clients = [connected(daemon.address(), f"crowd{i}").subscribe(("crowd", i % 2)) for i in range(1_000)]
    for number in range(5):
        backend.publish("crowd", str(number), 1)
    for i, client in enumerate(clients):
        assert [(m.payload, m.qos) for m in client.take(5)] == [(b"%d" % n, i % 2) for n in range(5)]
        client.socket.close()


def test_messages_for_another_proxy_stay_there(start_daemon) -> None:
    daemon = start_daemon(
        config.render(
            config.node(), config.proxy("one"), config.proxy("two"), config.pipeline("publish", config.kafka_filter())
        )
    )
    with (
        connected(daemon.address("one"), "same id").subscribe(("t", 0)) as one,
        connected(daemon.address("two"), "same id").subscribe(("t", 0)) as two,
        Backend(daemon, "one") as to_one,
        Backend(daemon, "two") as to_two,
    ):
        to_one.publish("t", "1")
        to_two.publish("t", "2")
        one.expect_message("t", b"1")
        two.expect_message("t", b"2")


def test_filters_beyond_a_limit_are_refused_and_the_others_granted(start_daemon) -> None:
    limits = {"maxFiltersPerSubscribe": 4, "maxFiltersPerSession": 3, "maxTopicLength": 10, "maxTopicLevels": 3}
    daemon = start_daemon(config.simple(limits=limits))
    with connected(daemon.address(), "limits") as client:
        client.send(mqtt.subscribe(1, ("x" * 11, 0), ("a/b/c/d", 0), ("a", 1), ("b", 0), ("c", 0)))
        client.expect(mqtt.suback(1, 0x80, 0x80, 1, 0, 0x80))
        client.send(mqtt.subscribe(2, ("d", 0), ("e", 0)))
        client.expect(mqtt.suback(2, 0, 0x80))
        client.send(mqtt.unsubscribe(3, "x" * 11, "d"))
        client.expect(mqtt.unsuback(3))
        client.send(mqtt.subscribe(4, ("e", 0)))
        client.expect(mqtt.suback(4, 0))
    daemon.wait_metric(4, "mqttproxy_subscriptions_refused_total")


def test_a_filter_that_the_pipeline_refuses_is_answered_with_0x80(start_daemon) -> None:
    ban = {"kind": "ConnectControl", "name": "ban", "bannedTopics": ["secret/#"], "bannedTopicRe": "^\\$SYS"}
    daemon = start_daemon(
        config.render(
            config.node(),
            config.proxy(rules={"Publish": "publish", "Subscribe": "subscribe"}),
            config.pipeline("publish", config.kafka_filter()),
            config.pipeline("subscribe", ban),
        )
    )
    with connected(daemon.address(), "banned") as client, Backend(daemon) as backend:
        client.send(mqtt.subscribe(1, ("secret/#", 1), ("open/#", 1), ("$SYS/x", 0)))
        client.expect(mqtt.suback(1, 0x80, 1, 0x80))
        backend.publish("secret/plan", "no")
        backend.publish("open/day", "yes")
        client.expect_message("open/day", b"yes")


def stalled(daemon: Daemon, client_id: str, topic_filter: str, qos: int) -> Client:
    """A subscriber with small buffers that does not read."""
    client = Client(daemon.address(), receive_buffer=4_096)
    return client.connect(client_id, clean=False).subscribe((topic_filter, qos))


def test_a_slow_subscriber_loses_qos_0_keeps_qos_1_and_slows_nobody(start_daemon) -> None:
    limits = {"maxUnsentBytes": "64KiB", "sessionQueueMessages": 10_000, "sessionQueueBytes": "64MiB"}
    daemon = start_daemon(config.simple(limits=limits))
    count, padding = 400, "." * 40_000
    with (
        stalled(daemon, "slow", "s/#", 1) as slow,
        connected(daemon.address(), "quick").subscribe(("s/#", 1)) as quick,
        Backend(daemon) as backend,
    ):
        for number in range(count):
            for qos in (0, 1):
                backend.publish(f"s/{qos}", f"{number}:{padding}", qos)
                (m,) = quick.take()
                assert (m.qos, m.payload.split(b":")[0]) == (qos, b"%d" % number)
        daemon.wait_metric(4 * count, "mqttproxy_downlink_matches_total")  # the worker of the slow one has them all
        dropped = daemon.metrics().total("mqttproxy_downlink_dropped_total", cause="slow")
        assert dropped > 0
        assert daemon.metrics().total("mqttproxy_downlink_dropped_total") == dropped
        messages = slow.take(int(2 * count - dropped))
        assert [int(m.payload.split(b":")[0]) for m in messages if m.qos == 1] == list(range(count))
        kept = [int(m.payload.split(b":")[0]) for m in messages if m.qos == 0]
        assert kept == sorted(kept)
        slow.expect_alive()


def test_a_slow_reader_of_one_large_message_is_read_on(daemon: Daemon, backend: Backend) -> None:
    """Its packets are handled while the message is on its way: it is slow, not dead."""
    with stalled(daemon, "large", "large", 0) as client:
        payload = bytes(5_000_000)
        backend.publish("large", payload)
        before = daemon.metrics().total("mqttproxy_packets_total", direction="in", type="PINGREQ")
        client.send(mqtt.PINGREQ)
        wait_until(
            "the PINGREQ is read",
            lambda: daemon.metrics().total("mqttproxy_packets_total", direction="in", type="PINGREQ") > before,
        )
        client.expect_message("large", payload)
        client.expect(mqtt.PINGRESP)


def test_a_full_inbox_is_answered_with_503_and_counted(start_daemon) -> None:
    daemon = start_daemon(config.simple(downlink={"queue": {"maxMessages": 1}}))
    with connected(daemon.address(), "c").subscribe(("t", 0)), Backend(daemon) as backend:
        batch = [message("t", str(n)) for n in range(1_000)]
        response = wait_until("503", lambda: r if (r := backend.post(batch)).status == 503 else None)
        assert 0 <= response.json()["accepted"] < 1_000
        daemon.wait_metric(1, "mqttproxy_downlink_inbox_refused_total")
        wait_until("there is room again", lambda: backend.post(message("t", "x")).status == 200)


def test_downlink_metrics(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    with connected(daemon.address(), "m").subscribe(("m", 1)) as client, Backend(daemon) as backend:
        backend.publish("m", "0")
        backend.publish("m", "1", 1)
        backend.publish("nobody", "1", 1)
        assert [client.receive_message().payload for _ in range(2)] == [b"0", b"1"]
        daemon.wait_metric(1, "mqttproxy_downlink_inflight")
        client.send(mqtt.puback(1))
        daemon.wait_metric(1, "mqttproxy_downlink_acknowledged_total")
        daemon.wait_metric(0, "mqttproxy_downlink_inflight")
        metrics = daemon.metrics()
        assert metrics.total("mqttproxy_downlink_matches_total") == 2
        assert metrics.total("mqttproxy_downlink_sent_total", qos="0") == 1
        assert metrics.total("mqttproxy_downlink_sent_total", qos="1") == 1
        assert metrics.total("mqttproxy_packets_total", direction="out", type="PUBLISH") == 2
        daemon.wait_metric(1, "mqttproxy_subscriptions")
        daemon.wait_metric(1, "mqttproxy_sessions")
    daemon.wait_metric(0, "mqttproxy_subscriptions")
    daemon.wait_metric(0, "mqttproxy_sessions")
