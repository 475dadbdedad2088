"""Reloads while devices publish: each gives them another producer."""

import signal
from pathlib import Path

from support import config
from support.daemon import Daemon
from support.delivery import assert_acked_is_stored, assert_in_order
from support.fleet import Device, Fleet
from support.kafka import Kafka
from support.waiting import wait_until


def documents(kafka: Kafka, topic: str | None, linger: int) -> str:
    backend = config.kafka_filter(kafka.address, topic, properties={"linger.ms": linger})
    return config.render(config.node(), config.proxy(), config.pipeline("publish", backend))


def reload(daemon: Daemon, text: str) -> None:
    before = daemon.metrics().total("mqttproxy_reloads_total", result="ok")
    daemon.config_file.write_text(text)
    daemon.signal(signal.SIGHUP)
    daemon.wait_metric(before + 1, "mqttproxy_reloads_total", result="ok")


def threads(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.process.pid}/task").iterdir()))


def test_devices_notice_nothing_of_reloads(kafka: Kafka, start_daemon) -> None:
    """Acknowledged and missing: 0. Order of first occurrences per client. Nobody is disconnected."""
    topic = kafka.create_topic("reload")
    daemon = start_daemon(documents(kafka, topic, 2))
    daemon.wait_ready()
    before = threads(daemon)
    devices = [Device(f"steady{i}", "t", 1_500, pause=0.01) for i in range(20)]
    fleet = Fleet(devices, daemon.address).start()
    reloads = 0
    while not all(device.finished for device in devices):
        reloads += 1
        reload(daemon, documents(kafka, topic, 20 if reloads % 2 else 2))
    fleet.finish()
    assert reloads > 5
    records = kafka.read(topic)
    assert_in_order(records)
    assert_acked_is_stored({device.client_id: list(range(device.count)) for device in devices}, records)
    assert [device.connections for device in devices] == [1] * len(devices)
    wait_until("retired producers end, and what served the requests", lambda: threads(daemon) <= before)
