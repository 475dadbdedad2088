"""The bus through Kafka on the embedded one: the same code path as with a real Kafka, without its outages."""

import subprocess

from support import config
from support.daemon import Daemon, run
from support.kafka import read_topic
from support.mqtt import connected
from support.waiting import PATIENCE


def documents(*proxies: str, **downlink: object) -> str:
    section = {"mode": "kafka", "backend": ["embedded"]} | downlink
    return config.render(
        config.node(downlink=section),
        *(config.proxy(name) for name in proxies or ("mqttproxy",)),
        config.pipeline("publish", config.kafka_filter()),
    )


def publish(daemon: Daemon, topic: str, payload: str, qos: int = 1, proxy: str = "mqttproxy"):
    body = {"topic": topic, "payload": payload, "qos": qos}
    return daemon.http(f"/apis/v2/mqttproxy/{proxy}/topics/publish", "POST", body=body)


def write(daemon: Daemon, topic: str, key: str, payload: str, *headers: str) -> None:
    options = [option for header in headers for option in ("-H", header)]
    done = subprocess.run(
        ["kcat", "-P", "-b", daemon.embedded_kafka, "-t", topic, "-K", "\t", *options],
        input=f"{key}\t{payload}\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def test_http_and_any_producer_reach_subscribers(start_daemon) -> None:
    daemon = start_daemon(documents(topic="down", partitions=2))
    daemon.wait_ready()
    daemon.wait_log(r"downlink mode=kafka: .* memory only")
    with connected(daemon.address(), "c") as client:
        client.subscribe(("a/#", 1))
        assert publish(daemon, "a/http", "1").status == 200
        client.expect_message("a/http", b"1", qos=1)
        write(daemon, "down", "a/kcat", "2")
        client.expect_message("a/kcat", b"2", qos=1)
        write(daemon, "down", "a/kcat", "3", "qos=0")
        client.expect_message("a/kcat", b"3", qos=0)
    records = read_topic(daemon.embedded_kafka, "down")
    assert {record.partition for record in records} <= {0, 1}
    assert daemon.metrics().total("mqttproxy_downlink_publishes_total", outcome="stored") == 1
    assert daemon.metrics().total("mqttproxy_downlink_records_total") == 3


def test_with_several_proxies_each_gets_its_own(start_daemon) -> None:
    daemon = start_daemon(documents("one", "two"))
    daemon.wait_ready()
    with connected(daemon.address("one"), "c") as one, connected(daemon.address("two"), "c") as two:
        one.subscribe(("#", 1))
        two.subscribe(("#", 1))
        write(daemon, "mqttproxy-downlink", "t", "nobody's")
        daemon.wait_metric(1, "mqttproxy_downlink_bad_records_total", cause="no_proxy")
        assert publish(daemon, "t", "for one", proxy="one").status == 200
        write(daemon, "mqttproxy-downlink", "t", "for two", "proxy=two")
        one.expect_message("t", b"for one", qos=1)
        two.expect_message("t", b"for two", qos=1)


def test_check_refuses_properties_that_break_promises(tmp_path) -> None:
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(documents(properties={"group.id": "g", "acks": "1", "message.timeout.ms": "1"}))
    refused = run("check", file)
    assert refused.returncode == 2
    for problem in ("group.id: not allowed here", "acks: must be all", "message.timeout.ms: not allowed here"):
        assert problem in refused.stderr, refused.stderr


def test_check_connect_with_nothing_to_look_for(tmp_path) -> None:
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(config.simple())
    local = run("check", file, "--connect")
    assert local.returncode == 0 and "mode local needs no topic" in local.stdout, local
    file.write_text(documents())
    embedded = run("check", file, "--connect")
    assert embedded.returncode == 0 and "in the embedded Kafka" in embedded.stdout, embedded
