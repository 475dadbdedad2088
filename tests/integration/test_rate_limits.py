"""connectionLimit and clientPublishLimit: a refused CONNECT is told so, a PUBLISH that comes too early waits."""

import threading

import pytest

from support import config, mqtt
from support.daemon import Daemon
from support.mqtt import Client, Will, connected

FOR_LONG = 100_000  # seconds: no room comes back while a test runs


def limited(**keys: object) -> str:
    return config.render(
        config.node(threads=4), config.proxy(**keys), config.pipeline("publish", config.kafka_filter())
    )


def publishes(first: int, last: int, payload: bytes = b"x") -> list[bytes]:
    return [mqtt.publish("t", payload, qos=1, packet_id=i) for i in range(first, last + 1)]


def waited(daemon: Daemon) -> float:
    return daemon.metrics().total("mqttproxy_parks_total", cause="rate")


def test_publishes_beyond_the_rate_wait_and_none_is_lost(start_daemon) -> None:
    daemon = start_daemon(limited(clientPublishLimit={"requestRate": 20, "timePeriod": 1}))
    with connected(daemon.address(), "c") as client:
        client.send(*publishes(1, 50))
        client.expect(*(mqtt.puback(i) for i in range(1, 51)))
        client.expect_alive()
    assert waited(daemon) > 0
    daemon.wait_metric(0, "mqttproxy_connections_parked")


@pytest.mark.parametrize(
    ("limit", "allowed"),
    [
        ({"requestRate": 3}, 3),
        ({"bytesRate": 80}, 5),  # each costs its remaining length, 6, and 8: five go, and ten bytes are left
        ({"requestRate": 4, "bytesRate": 80}, 4),
        ({"requestRate": 6, "bytesRate": 80}, 5),
    ],
)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_client_has_a_limit_of_its_own(start_daemon, limit, allowed, qos) -> None:
    daemon = start_daemon(limited(clientPublishLimit=limit | {"timePeriod": FOR_LONG}))
    payload = b"x" if qos else b"xxx"  # without a packet id
    with connected(daemon.address(), "one") as one, connected(daemon.address(), "two") as two:
        for client in (one, two):
            client.send(*(mqtt.publish("t", payload, qos=qos, packet_id=i) for i in range(1, 10)))
        daemon.wait_metric(2 * allowed, "mqttproxy_publishes_total", qos=str(qos))
        daemon.wait_metric(2, "mqttproxy_connections_parked")
        answer = {1: mqtt.puback, 2: mqtt.pubrec}.get(qos)
        for client in (one, two):
            if answer:
                client.expect(*(answer(i) for i in range(1, allowed + 1)))
    assert daemon.metrics().total("mqttproxy_publishes_total", qos=str(qos)) == 2 * allowed


def test_other_packets_are_not_limited(start_daemon) -> None:
    daemon = start_daemon(limited(clientPublishLimit={"requestRate": 1, "timePeriod": FOR_LONG}))
    with connected(daemon.address(), "c") as client:
        for number in range(1, 20):
            client.subscribe((f"f/{number}", 1), packet_id=number)
            client.expect_alive()
        client.send(*publishes(1, 1))
        client.expect(mqtt.puback(1))
    assert waited(daemon) == 0


def test_one_message_larger_than_the_limit_goes_through(start_daemon) -> None:
    daemon = start_daemon(limited(clientPublishLimit={"bytesRate": 1_000, "timePeriod": FOR_LONG}))
    with connected(daemon.address(), "c") as client:
        client.send(*publishes(1, 1, bytes(100_000)), *publishes(2, 2))
        client.expect(mqtt.puback(1))
        daemon.wait_metric(1, "mqttproxy_connections_parked")


def test_a_client_that_waits_is_not_blamed_for_its_silence(start_daemon) -> None:
    daemon = start_daemon(limited(clientPublishLimit={"requestRate": 1, "timePeriod": 4}))
    with connected(daemon.address(), "c", keep_alive=1) as client:
        client.send(*publishes(1, 2))
        client.expect(mqtt.puback(1), mqtt.puback(2))
    assert waited(daemon) > 0


def test_a_client_that_waits_can_be_taken_over_and_its_will_is_not_limited(start_daemon) -> None:
    daemon = start_daemon(limited(clientPublishLimit={"requestRate": 1, "timePeriod": FOR_LONG}))
    with connected(daemon.address(), "c", will=Will("state", b"gone")) as first:
        first.send(*publishes(1, 2))
        first.expect(mqtt.puback(1))
        daemon.wait_metric(1, "mqttproxy_connections_parked")
        with connected(daemon.address(), "c") as second:
            first.expect_closed()
            daemon.wait_metric(1, "mqttproxy_wills_total")
            second.send(*publishes(1, 1))  # a connection begins with all its room
            second.expect(mqtt.puback(1))


def test_connects_beyond_the_rate_are_answered_with_3(start_daemon) -> None:
    daemon = start_daemon(limited(connectionLimit={"requestRate": 10, "timePeriod": FOR_LONG}))
    answers: list[bytes] = []

    def connect(number: int) -> None:
        with Client(daemon.address()) as client:
            client.send(mqtt.connect(f"c{number}"))
            answers.append(client.receive(4))

    threads = [threading.Thread(target=connect, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(mqtt.connack(0)) == 10 and answers.count(mqtt.connack(3)) == 20
    daemon.wait_metric(20, "mqttproxy_connects_limited_total")
    daemon.wait_metric(20, "mqttproxy_disconnects_total", reason="connect_refused")
    assert daemon.wait_log('connection closed client_id="c[0-9]+" .*detail="refused by connectionLimit"')


def test_a_refused_connect_leaves_who_has_the_client_id_alone(start_daemon) -> None:
    daemon = start_daemon(limited(connectionLimit={"bytesRate": 40, "timePeriod": FOR_LONG}))
    with connected(daemon.address(), "c") as client:  # costs 13 and 8
        with Client(daemon.address()) as other:
            other.send(mqtt.connect("c"))
            other.expect(mqtt.connack(3))
            other.expect_closed()
        client.expect_alive()


def test_each_proxy_counts_for_itself(start_daemon) -> None:
    limit = {"requestRate": 1, "timePeriod": FOR_LONG}
    daemon = start_daemon(
        config.render(
            config.node(),
            config.proxy("one", connectionLimit=limit),
            config.proxy("two", connectionLimit=limit),
            config.pipeline("publish", config.kafka_filter()),
        )
    )
    for name in ("one", "two"):
        connected(daemon.address(name), "c").end()
        with Client(daemon.address(name)) as refused:
            refused.send(mqtt.connect("c"))
            refused.expect(mqtt.connack(3))
