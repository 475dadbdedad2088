"""Health and metrics over HTTP."""

import pytest

from support import config, mqtt
from support.daemon import Daemon
from support.kafka import free_port_pair
from support.mqtt import Client, connected


def test_healthz_says_the_process_lives(daemon: Daemon) -> None:
    assert daemon.http("/healthz").status == 200


def test_readyz_says_200_once_kafka_is_reachable(daemon: Daemon) -> None:
    daemon.wait_ready()


def test_readyz_says_503_and_why_while_kafka_is_unreachable(start_daemon) -> None:
    backend = f"127.0.0.1:{free_port_pair()}"
    daemon = start_daemon(config.simple(backend))
    response = daemon.http("/readyz")
    assert response.status == 503
    assert isinstance(response.json(), dict) and backend in response.body
    assert daemon.http("/healthz").status == 200


def test_unknown_paths_are_404(daemon: Daemon) -> None:
    assert daemon.http("/nothing/here").status == 404


def test_metrics_are_prometheus_text(daemon: Daemon) -> None:
    response = daemon.http("/metrics")
    content_type = {name.lower(): value for name, value in response.headers.items()}["content-type"]
    assert content_type.startswith("text/plain; version=0.0.4")
    metrics = daemon.metrics()
    assert metrics.types["mqttproxy_connections"] == "gauge"
    assert metrics.types["mqttproxy_packets_total"] == "counter"


@pytest.mark.parametrize(
    "name",
    [
        "mqttproxy_connections",
        "mqttproxy_connections_parked",
        "mqttproxy_connects_total",
        "mqttproxy_packets_total",
        "mqttproxy_publishes_total",
        "mqttproxy_publish_outcomes_total",
        "mqttproxy_disconnects_total",
        "mqttproxy_protocol_errors_total",
        "mqttproxy_unacked",
        "mqttproxy_kafka_ready",
        "mqttproxy_kafka_queue_messages",
        "mqttproxy_kafka_records_total",
        "mqttproxy_kafka_reports_total",
    ],
)
def test_every_promised_metric_is_there(daemon: Daemon, name: str) -> None:
    assert name in daemon.metrics().names()


def test_a_connection_is_counted_while_it_lives(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    with connected(daemon.address(), "a"), connected(daemon.address(), "b") as second:
        daemon.wait_metric(2, "mqttproxy_connections")
        second.end()
        daemon.wait_metric(1, "mqttproxy_connections")
    daemon.wait_metric(0, "mqttproxy_connections")
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="client_disconnect")
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="connection_lost")
    daemon.wait_metric(2, "mqttproxy_connects_total", return_code="0")


def test_connections_are_counted_by_listener_and_clients_by_proxy(start_daemon) -> None:
    one = config.proxy("one", {"Publish": "publish"}, listeners=[{"address": "127.0.0.1", "port": 0}])
    two = config.proxy("two", {"Publish": "publish"})
    daemon = start_daemon(config.render(config.node(), one, two, config.pipeline("publish", config.kafka_filter())))
    doors = {(proxy, address): f"{address[0]}:{address[1]}" for proxy in ("one", "two") for address in daemon.addresses(proxy)}
    first, second = daemon.addresses("one")

    def wait_open(*counts: int) -> None:
        for ((proxy, _), address), count in zip(doors.items(), counts, strict=True):
            daemon.wait_metric(count, "mqttproxy_listener_connections", proxy=proxy, address=address)

    with connected(first, "a"), connected(second, "b"), Client(second):
        wait_open(1, 2, 0)
        daemon.wait_metric(2, "mqttproxy_connected_clients", proxy="one")
        with connected(daemon.address("two"), "c"):
            wait_open(1, 2, 1)
            daemon.wait_metric(1, "mqttproxy_connected_clients", proxy="two")
    wait_open(0, 0, 0)
    daemon.wait_metric(0, "mqttproxy_connected_clients")


def test_packets_and_publishes_are_counted_by_type_and_qos(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    with connected(daemon.address(), "a") as client:
        client.send(
            mqtt.publish("t", b"0"),
            mqtt.publish("t", b"1", qos=1, packet_id=1),
            mqtt.publish("t", b"2", qos=1, packet_id=2),
            mqtt.publish("t", b"3", qos=2, packet_id=3),
        )
        client.expect(mqtt.puback(1), mqtt.puback(2), mqtt.pubrec(3))
        client.expect_alive()
        metrics = daemon.metrics()
    for direction, packet_type, count in [
        ("in", "CONNECT", 1),
        ("out", "CONNACK", 1),
        ("in", "PUBLISH", 4),
        ("out", "PUBACK", 2),
        ("out", "PUBREC", 1),
        ("in", "PINGREQ", 1),
        ("out", "PINGRESP", 1),
    ]:
        assert metrics.total("mqttproxy_packets_total", direction=direction, type=packet_type) == count, packet_type
    assert [metrics.total("mqttproxy_publishes_total", qos=qos) for qos in "012"] == [1, 2, 1]
    daemon.wait_metric(4, "mqttproxy_publish_outcomes_total", outcome="stored")
    daemon.wait_metric(4, "mqttproxy_kafka_reports_total")
    daemon.wait_metric(0, "mqttproxy_unacked")


def test_metrics_need_the_token_and_health_does_not(start_daemon) -> None:
    daemon = start_daemon(config.simple(api={"address": "127.0.0.1:0", "token": "sesame"}))
    assert daemon.http("/metrics").status == 401
    assert daemon.http("/metrics", headers={"Authorization": "Bearer wrong"}).status == 401
    assert daemon.http("/metrics", headers={"Authorization": "Bearer sesame"}).status == 200
    assert daemon.http("/healthz").status == 200
    daemon.wait_ready()
