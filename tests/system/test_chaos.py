"""The daemon dies again and again, the broker's disk is full, the topic goes: acked means stored, and order holds."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support import config
from support.delivery import assert_acked_is_stored, assert_in_order
from support.fleet import Device, Fleet
from support.kafka import Kafka, Record, topic_exists
from support.waiting import wait_until

KILLS = 20
UNTIL_TOLD = 10**9
RSS_CEILING = 256 << 20
DISK_BYTES = 64 << 20


class PatientDevice(Device):
    patient = True


def stored_at_the_end(fleet: Fleet, kafka: Kafka, topic: str) -> list[Record]:
    """Nobody begins a new message; what is stored then, in order."""
    for device in fleet.devices:
        device.finish_soon()
    fleet.finish()
    records = kafka.read(topic)
    assert_in_order(records)
    return records


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
        assert daemon.process.returncode == -signal.SIGKILL, "it has died before"
        daemon = start_daemon(documents(address[1]))
    records = stored_at_the_end(fleet, kafka, topic)
    assert_acked_is_stored(fleet.acked(), records)
    rss = max(rss, daemon.rss_bytes())
    assert rss < RSS_CEILING
    assert fleet.total_acked > KILLS
    assert all(device.connections > 1 for device in devices), "they have to lose their connections to test anything"
    print(f"{fleet.total_acked} acked, {len(records)} stored, RSS {rss >> 20} MiB")


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """A tmpfs at `directory`; skips the test where nothing may be mounted."""
    directory.mkdir(parents=True)
    options = f"size={DISK_BYTES}"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mounting a tmpfs is not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def test_a_full_disk_of_the_broker_loses_and_reorders_nothing(new_kafka, start_daemon, tmp_path: Path) -> None:
    with small_disk(tmp_path / "kafka0"):
        kafka = new_kafka().start()
        topic = kafka.create_topic("full")
        backend = config.kafka_filter(kafka.address, topic)
        daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", backend)))
        daemon.wait_ready()
        rss_before = daemon.rss_bytes()
        devices = [PatientDevice(f"dev{i}", "chaos/topic", UNTIL_TOLD, padding=1_000) for i in range(20)]
        fleet = Fleet(list(devices), daemon.address).start()
        fleet.wait_acked(1_000)
        ballast = kafka.directory / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            for _ in range(DISK_BYTES >> 16):
                file.write(bytes(1 << 16))
        wait_until("/readyz says 503", lambda: not daemon.ready())
        on_full_disk = fleet.total_acked
        kafka.kill()
        ballast.unlink()
        subprocess.run(["mount", "-o", f"remount,size={4 * DISK_BYTES}", kafka.directory], check=True)
        kafka.start()
        fleet.wait_acked(on_full_disk + 1_000)
        records = stored_at_the_end(fleet, kafka, topic)
        assert_acked_is_stored(fleet.acked(), records)
        assert daemon.rss_bytes() - rss_before < 64 << 20
        print(f"{fleet.total_acked} acked, {len(records)} stored, RSS {daemon.rss_bytes() >> 20} MiB")
        kafka.kill()


def test_a_topic_deleted_while_devices_publish_is_no_reason_for_a_false_ack(new_kafka, start_daemon) -> None:
    """What was acked before is gone with the topic; all that is acked once the topic is there again is in it."""
    kafka = new_kafka("auto.create.topics.enable=false").start()
    topic = kafka.create_topic("deleted")
    backend = config.kafka_filter(kafka.address, topic)
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", backend)))
    window = 20
    devices = [PatientDevice(f"dev{i}", "chaos/topic", UNTIL_TOLD, window=window, pause=0.005) for i in range(20)]
    fleet = Fleet(list(devices), daemon.address).start()
    fleet.wait_acked(1_000)
    kafka.delete_topic(topic)
    wait_until("the topic is gone", lambda: not topic_exists(kafka.address, topic))
    kafka.create_topic(topic)
    # A PUBACK may still be on its way for each message of the window.
    first_owed = {device.client_id: device.acked + window for device in devices}
    fleet.wait_until(
        "each device is served again", lambda: all(d.acked > first_owed[d.client_id] + window for d in devices)
    )
    records = stored_at_the_end(fleet, kafka, topic)
    owed = {device.client_id: range(first_owed[device.client_id], device.acked) for device in devices}
    assert_acked_is_stored(owed, records)
    assert daemon.rss_bytes() < RSS_CEILING
    print(f"{fleet.total_acked} acked, {len(records)} stored, RSS {daemon.rss_bytes() >> 20} MiB")
