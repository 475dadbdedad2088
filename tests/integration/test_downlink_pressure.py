"""Bursts and slow readers: nobody loses what he would have read, and who does not read costs little."""

import pytest

from support import config
from support.backend import Backend, message
from support.mqtt import Client, connected
from support.waiting import wait_until


@pytest.mark.parametrize(
    ("limits", "qos", "size"), [({"maxUnsentBytes": "4KiB"}, 0, 1_000), ({"sessionQueueMessages": 5}, 1, 10)]
)
def test_a_burst_larger_than_the_queue_reaches_a_client_that_keeps_up(start_daemon, limits, qos: int, size: int) -> None:
    """What was taken of a burst is written before the queue is full: the socket and the window have room."""
    daemon = start_daemon(config.simple(limits=limits))
    with connected(daemon.address(), "quick").subscribe(("burst", 1)) as quick, Backend(daemon) as backend:
        for _ in range(20):
            payloads = [b"%d".ljust(size, b".") % number for number in range(20)]
            assert backend.post([message("burst", payload, qos) for payload in payloads]).status == 200
            assert [m.payload for m in quick.take(len(payloads))] == payloads
    assert daemon.metrics().total("mqttproxy_downlink_dropped_total") == 0


def test_slow_readers_of_a_large_message_share_it(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    payload = bytes(5_900_000)  # the sockets take less than half of it
    readers = [Client(daemon.address(), receive_buffer=4_096).connect(f"slow{i}") for i in range(100)]
    for reader in readers:
        reader.subscribe(("large", 0))
    before = daemon.rss_bytes()
    with Backend(daemon) as backend:
        backend.publish("large", payload)
        wait_until("all of them are sent to", lambda: daemon.metrics().total("mqttproxy_downlink_sent_total") == 100)
    assert daemon.rss_bytes() - before < 200_000_000
    readers[-1].expect_message("large", payload)
    readers[-1].expect_alive()
    for reader in readers:
        reader.socket.close()
    daemon.wait_metric(0, "mqttproxy_connections")
