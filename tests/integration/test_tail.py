"""`tail` prints what is in Kafka."""

import re
import select
import signal
import subprocess
from pathlib import Path

import pytest

from support import config, mqtt
from support.daemon import BINARY, Daemon, environment, run
from support.kafka import free_port_pair
from support.mqtt import connected
from support.waiting import PATIENCE


def publish(daemon: Daemon, *payloads: bytes) -> None:
    with connected(daemon.address(), "c") as client:
        for packet_id, payload in enumerate(payloads, 1):
            client.send(mqtt.publish("room/1", payload, qos=1, packet_id=packet_id))
            client.expect(mqtt.puback(packet_id))


def test_every_topic_of_the_configuration_from_its_oldest_record_on(start_daemon) -> None:
    daemon = start_daemon(config.simple(kafka={"deadLetter": "dead"}))
    publish(daemon, b"21.5", b"evil\n\xff\x1b[2J")
    done = run("tail", "--config", daemon.config_file, "--backend", daemon.embedded_kafka, "--from-beginning", "--count", "2")
    assert done.returncode == 0, done.stderr
    first, second = re.split(r"^(?=uplink/)", done.stdout, flags=re.MULTILINE)[1:]
    assert re.match(r'uplink/\d+@\d+ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z key="c"\n', first), first
    assert "\n  mqttTopic: room/1\n" in first and first.endswith("\n  4 bytes: 21.5\n")
    assert second.endswith("\n  10 bytes: evil\\x0a\\xff\\x1b[2J\n")


def test_what_arrives_from_now_on_until_it_is_stopped(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    publish(daemon, b"before")
    tail = subprocess.Popen(
        [str(BINARY), "tail", "--config", str(daemon.config_file), "--topic", "uplink", "--backend", daemon.embedded_kafka],
        stdout=subprocess.PIPE, text=True, env=environment(),
    )
    assert tail.stdout
    lines: list[str] = []
    number = 0
    while not lines:  # until it has begun
        number += 1
        publish(daemon, f"after {number}".encode())
        if select.select([tail.stdout], [], [], 0.2)[0]:
            lines.append(tail.stdout.readline())
    assert lines[0].startswith("uplink/")
    tail.send_signal(signal.SIGINT)
    rest = tail.stdout.read()
    assert tail.wait(PATIENCE) == 0
    assert "after" in rest and "before" not in rest


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "the embedded Kafka is inside the daemon"),
        (("--backend", "nowhere"), "--backend"),
        (("--topic", "a/b"), "--topic is not the name of a Kafka topic"),
    ],
)
def test_what_it_cannot_do_is_said(tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(config.simple())
    done = run("tail", "--config", file, *arguments)
    assert done.returncode == 2 and problem in done.stderr


def test_a_configuration_without_topics_needs_one_named(tmp_path: Path) -> None:
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(config.render(config.node(), config.proxy(), config.pipeline("publish", config.kafka_filter("a:1", None))))
    assert "says --topic" in run("tail", "--config", file).stderr


def test_why_there_is_nothing_is_said(tmp_path: Path) -> None:
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(config.simple(f"127.0.0.1:{free_port_pair()}"))
    tail = subprocess.Popen(
        [str(BINARY), "tail", "--config", str(file)], stderr=subprocess.PIPE, text=True, env=environment()
    )
    assert tail.stderr
    said = next(line for line in tail.stderr if "kafka not ready" in line)
    assert "Connection refused" in said or "unreachable" in said or "no answer" in said, said
    tail.send_signal(signal.SIGTERM)
    tail.stderr.read()
    assert tail.wait(PATIENCE) == 0
