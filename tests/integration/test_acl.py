"""ACL as devices meet it: what is stored, what is granted, and how a refusal looks."""

import pytest

from support import config, mqtt
from support.daemon import Daemon
from support.kafka import read_topic
from support.mqtt import Will, connected

RULES = [
    {"deny": "all", "topics": ["devices/%c/secret/#"]},
    {"allow": "publish", "topics": ["devices/%c/#", "shared"]},
    {"allow": "subscribe", "topics": ["devices/%c/#", "users/%u/+", "news/#"]},
    {"allow": "all", "topics": ["#"], "users": ["root"]},
]


def documents(**keys: object) -> str:
    acl = {"name": "acl", "kind": "ACL", "rules": RULES} | keys
    return config.render(
        config.node(),
        config.proxy(rules={"Publish": "publish", "Subscribe": "subscribe"}),
        config.pipeline("publish", acl, config.kafka_filter()),
        config.pipeline("subscribe", acl),
    )


@pytest.fixture(scope="module")
def guarded(start_shared_daemon) -> Daemon:
    return start_shared_daemon(documents())


def stored_topics(daemon: Daemon, client_id: str) -> list[str]:
    records = [record for record in read_topic(daemon.embedded_kafka, "uplink") if record.key == client_id]
    return [record.header("mqttTopic")[0] for record in records]


@pytest.mark.parametrize("topic", ["devices/other/log", "devices/d1/secret", "devices/d1/secret/x", "news/a", "$SYS/x"])
def test_MQTT_3_3_5_2_a_publish_that_is_not_allowed_closes_without_an_ack(guarded: Daemon, topic: str) -> None:
    with connected(guarded.address(), "d1") as client:
        client.send(mqtt.publish("devices/d1/log", b"mine", qos=1))
        client.expect(mqtt.puback(1))
        client.send(mqtt.publish(topic, b"x", qos=1, packet_id=2), mqtt.publish("shared", b"late", qos=1, packet_id=3))
        client.expect_closed()
    guarded.wait_log(r'client_id="d1".* reason=pipeline detail="publish not allowed by the ACL"')
    assert set(stored_topics(guarded, "d1")) == {"devices/d1/log"}


def test_MQTT_3_9_3_1_each_filter_is_granted_or_refused_by_itself(guarded: Daemon) -> None:
    before = guarded.metrics().total("mqttproxy_subscriptions_refused_total")
    wanted = {
        "news/sport": 0,
        "news/#": 1,
        "#": 0x80,
        "devices/d2/cmd": 1,
        "devices/d2/#": 0x80,  # it would bring what the first rule denies
        "devices/d2/+": 0x80,  # and so would this: devices/d2/secret
        "devices/+/cmd": 0x80,
        "users/anna/x": 1,
        "users/otto/x": 0x80,
        "users/anna/+/x": 0x80,
    }
    with connected(guarded.address(), "d2", username="anna") as client:
        client.send(mqtt.subscribe(1, *((topic, 0 if code == 0 else 1) for topic, code in wanted.items())))
        client.expect(mqtt.suback(1, *wanted.values()))
    guarded.wait_metric(before + 6, "mqttproxy_subscriptions_refused_total")


def test_a_refused_filter_brings_no_messages(guarded: Daemon) -> None:
    with connected(guarded.address(), "d3") as client:
        client.send(mqtt.subscribe(1, ("#", 1), ("news/a", 1)))
        client.expect(mqtt.suback(1, 0x80, 1))
        for topic in ("users/anna/x", "news/a"):
            body = {"topic": topic, "qos": 1, "payload": topic}
            assert guarded.http("/apis/v1/mqttproxy/mqttproxy/topics/publish", "POST", body=body).status == 200
        client.expect_message("news/a", b"news/a", 1)


@pytest.mark.parametrize("client_id", ["+", "#", "d1/log", "d1/#"])
def test_a_client_id_is_no_piece_of_a_filter(guarded: Daemon, client_id: str) -> None:
    with connected(guarded.address(), client_id) as client:
        client.send(mqtt.subscribe(1, ("devices/d1/log", 1), ("devices/+/#", 1), ("devices/d1/log/#", 1)))
        client.expect(mqtt.suback(1, 0x80, 0x80, 0x80))
        client.send(mqtt.publish("devices/d1/log", b"forged", qos=1))
        client.expect_closed()
    assert stored_topics(guarded, client_id) == []


def test_rules_for_a_user(guarded: Daemon) -> None:
    with connected(guarded.address(), "console", username="root") as client:
        client.send(mqtt.subscribe(1, ("devices/+/log", 1), ("devices/#", 1)))
        client.expect(mqtt.suback(1, 1, 0x80))  # the first rule is for everybody
        client.send(mqtt.publish("devices/d1/cmd", b"x", qos=1))
        client.expect(mqtt.puback(1))
    assert stored_topics(guarded, "console") == ["devices/d1/cmd"]


def test_a_will_that_is_not_allowed_is_not_stored_and_the_log_says_so(guarded: Daemon) -> None:
    connected(guarded.address(), "heir", will=Will("devices/other/state", b"gone")).socket.close()
    guarded.wait_log(r'will not stored client_id="heir" .*detail="publish not allowed by the ACL"')
    connected(guarded.address(), "heir2", will=Will("devices/heir2/state", b"gone")).socket.close()
    guarded.wait_metric(2, "mqttproxy_wills_total")
    assert stored_topics(guarded, "heir") == []


def test_on_deny_drop_acknowledges_and_counts(start_daemon) -> None:
    daemon = start_daemon(documents(onDeny="drop"))
    with connected(daemon.address(), "d1") as client:
        client.send(mqtt.publish("devices/other/log", b"x", qos=1), mqtt.publish("shared", b"y", qos=1, packet_id=2))
        client.expect(mqtt.puback(1), mqtt.puback(2))
        client.send(mqtt.publish("devices/other/log", b"x", qos=2, packet_id=3))
        client.expect(mqtt.pubrec(3))
    daemon.wait_metric(2, "mqttproxy_publish_outcomes_total", outcome="dropped")
    assert stored_topics(daemon, "d1") == ["shared"]


def test_a_denied_publish_can_go_to_another_kafka_topic(start_daemon) -> None:
    acl = {"name": "acl", "kind": "ACL", "rules": RULES}
    flow = [
        {"filter": "acl", "jumpIf": {"notAllowed": "denied"}},
        {"filter": "kafka", "jumpIf": {"": "END"}},
        {"filter": "denied"},
    ]
    filters = [acl, config.kafka_filter(), config.kafka_filter(topic="denied", name="denied")]
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", *filters, flow=flow)))
    with connected(daemon.address(), "d1") as client:
        client.send(mqtt.publish("shared", b"fine", qos=1), mqtt.publish("devices/d2/log", b"x", qos=1, packet_id=2))
        client.expect(mqtt.puback(1), mqtt.puback(2))
    assert [record.payload for record in read_topic(daemon.embedded_kafka, "uplink")] == ["fine"]
    assert [record.payload for record in read_topic(daemon.embedded_kafka, "denied")] == ["x"]
