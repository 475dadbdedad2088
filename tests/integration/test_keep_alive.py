"""Keep-alive: who is silent for one and a half periods is closed [MQTT-3.1.2-24]; who speaks is not."""

import time

from support import config, mqtt
from support.daemon import Daemon
from support.mqtt import Will, connected


def seconds_until_closed(client: mqtt.Client, since: float) -> float:
    client.expect_closed()
    return time.monotonic() - since


def test_MQTT_3_1_2_24_silent_client_is_closed_not_before_one_and_a_half_periods(daemon: Daemon) -> None:
    before = daemon.metrics().total("mqttproxy_disconnects_total", reason="keep_alive")
    said = time.monotonic()
    with connected(daemon.address(), "silent", keep_alive=1) as client:
        assert seconds_until_closed(client, said) >= 1.5
    daemon.wait_metric(before + 1, "mqttproxy_disconnects_total", reason="keep_alive")


def test_any_packet_restarts_the_keep_alive(daemon: Daemon) -> None:
    with connected(daemon.address(), "speaking", keep_alive=1) as client:
        said = time.monotonic()
        client.send(mqtt.publish("t", b"x", qos=1))
        client.expect(mqtt.puback(1))
        assert seconds_until_closed(client, said) >= 1.5


def test_keep_alive_0_never_closes(daemon: Daemon) -> None:
    with connected(daemon.address(), "forever", keep_alive=0) as forever:
        with connected(daemon.address(), "once", keep_alive=1) as other:
            other.expect_closed()
        forever.expect_alive()


def test_the_will_follows_a_keep_alive_time_out(daemon: Daemon) -> None:
    before = daemon.metrics().total("mqttproxy_wills_total")
    with connected(daemon.address(), "fading", keep_alive=1, will=Will("state", b"gone")) as client:
        client.expect_closed()
    daemon.wait_metric(before + 1, "mqttproxy_wills_total")


def test_MQTT_3_1_2_24_a_silent_client_is_closed_before_twice_the_period(daemon: Daemon) -> None:
    """One and a half periods are nine seconds here: three more are for a busy machine."""
    with connected(daemon.address(), "bounded", keep_alive=6) as client:
        said = time.monotonic()
        client.expect_alive()
        assert 9 <= seconds_until_closed(client, said) < 12


def test_the_clock_stands_while_the_client_is_not_read(start_daemon) -> None:
    """Its second message finds the producer queue full in the same read as the first: what we do not read we cannot
    blame on it."""
    nowhere = config.kafka_filter("127.0.0.1:1", queue={"maxMessages": 1})
    daemon = start_daemon(config.render(config.node(threads=1), config.proxy(), config.pipeline("publish", nowhere)))
    with connected(daemon.address(), "parked", keep_alive=1) as parked:
        parked.send(*(mqtt.publish("t", b"x", qos=1, packet_id=i) for i in (1, 2)))
        daemon.wait_metric(1, "mqttproxy_connections_parked")
        with connected(daemon.address(), "silent", keep_alive=1) as silent:  # its time is up after the other's
            silent.expect_closed()
        assert daemon.metrics().total("mqttproxy_connections_parked") == 1
        assert daemon.metrics().total("mqttproxy_disconnects_total", reason="keep_alive") == 1
    daemon.kill()  # its messages are stored nowhere: it would not end well
