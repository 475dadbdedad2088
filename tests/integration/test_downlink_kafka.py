"""The bus through Kafka on the embedded one: the same code path as with a real Kafka, without its outages."""

from support import config
from support.backend import Backend
from support.daemon import run
from support.kafka import read_topic, write_topic
from support.mqtt import connected


def documents(*proxies: str, **downlink: object) -> str:
    section = {"mode": "kafka", "backend": ["embedded"]} | downlink
    return config.render(
        config.node(downlink=section),
        *(config.proxy(name) for name in proxies or ("mqttproxy",)),
        config.pipeline("publish", config.kafka_filter()),
    )


def test_http_and_any_producer_reach_subscribers(start_daemon) -> None:
    daemon = start_daemon(documents(topic="down", partitions=2))
    daemon.wait_ready()
    with connected(daemon.address(), "c") as client:
        client.subscribe(("a/#", 1))
        with Backend(daemon) as backend:
            backend.publish("a/http", "1", qos=1)
        client.expect_message("a/http", b"1", qos=1)
        write_topic(daemon.embedded_kafka, "down", ("a/kcat", "2"))
        client.expect_message("a/kcat", b"2", qos=1)
        write_topic(daemon.embedded_kafka, "down", ("a/kcat", "3"), headers={"qos": "0"})
        client.expect_message("a/kcat", b"3", qos=0)
    records = read_topic(daemon.embedded_kafka, "down")
    assert {record.partition for record in records} <= {0, 1}
    daemon.wait_metric(1, "mqttproxy_downlink_publishes_total", outcome="stored")
    daemon.wait_metric(3, "mqttproxy_downlink_records_total")


def test_with_several_proxies_each_gets_its_own(start_daemon) -> None:
    daemon = start_daemon(documents("one", "two"))
    daemon.wait_ready()
    with connected(daemon.address("one"), "c") as one, connected(daemon.address("two"), "c") as two:
        one.subscribe(("#", 1))
        two.subscribe(("#", 1))
        write_topic(daemon.embedded_kafka, "mqttproxy-downlink", ("t", "nobody's"))
        daemon.wait_metric(1, "mqttproxy_downlink_bad_records_total", cause="no_proxy")
        with Backend(daemon, "one") as backend:
            backend.publish("t", "for one", qos=1)
        write_topic(daemon.embedded_kafka, "mqttproxy-downlink", ("t", "for two"), headers={"proxy": "two"})
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
