"""The daemon dies again and again while devices publish: acked means stored, and order holds."""

import os
import random
import time

from support import config
from support.delivery import assert_acked_is_stored, assert_in_order
from support.fleet import Device, Fleet
from support.kafka import Kafka

KILLS = 20
UNTIL_TOLD = 10**9
RSS_CEILING = 256 << 20


class PatientDevice(Device):
    patient = True


def test_a_daemon_killed_twenty_times_loses_and_reorders_nothing(kafka: Kafka, start_daemon, topic: str) -> None:
    seed = os.environ.get("CHAOS_SEED", str(random.randrange(1 << 32)))
    print(f"CHAOS_SEED={seed}")
    moments = random.Random(seed)

    def documents(port: int) -> str:
        backend = config.kafka_filter(kafka.address, topic)
        return config.render(config.node(), config.proxy(port=port), config.pipeline("publish", backend))

    daemon = start_daemon(documents(0))
    address = daemon.address()
    devices = [PatientDevice(f"dev{i}", "chaos/topic", UNTIL_TOLD, pause=0.005) for i in range(50)]
    fleet = Fleet(list(devices), lambda: address).start()
    rss = 0
    for _ in range(KILLS):
        before = fleet.total_acked
        fleet.wait_until("messages are acknowledged", lambda: fleet.total_acked > before)
        time.sleep(moments.uniform(0, 0.5))  # the moment is the test's matter, nothing is expected of it
        rss = max(rss, daemon.rss_bytes())
        daemon.kill()
        daemon = start_daemon(documents(address[1]))
    for device in devices:
        device.finish_soon()
    fleet.finish()
    records = kafka.read(topic)
    assert_acked_is_stored(fleet.acked(), records)
    assert_in_order(records)
    rss = max(rss, daemon.rss_bytes())
    assert rss < RSS_CEILING
    assert fleet.total_acked > KILLS
    assert all(device.connections > 1 for device in devices), "they have to lose their connections to test anything"
    print(f"{fleet.total_acked} acked, {len(records)} stored, RSS {rss >> 20} MiB")
