"""Keep-alive: who is silent for one and a half periods is closed [MQTT-3.1.2-24]; who speaks is not."""

import time

from support import mqtt
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
