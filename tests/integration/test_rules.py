"""Pipelines of every packet type, and what ConnectControl does in them."""

import pytest

from support import config, mqtt
from support.daemon import Daemon
from support.kafka import read_topic
from support.mqtt import Client, Will, connected
from support.waiting import wait_until


def control(**keys: object) -> config.Document:
    return {"kind": "ConnectControl", "name": "control"} | keys


def test_a_kafka_filter_passes_packets_that_are_no_publish(start_daemon) -> None:
    """One pipeline for everything: Subscribe, Unsubscribe and Disconnect run through it and leave no record."""
    rules = dict.fromkeys(("Connect", "Publish", "Subscribe", "Unsubscribe", "Disconnect"), "all")
    everything = config.pipeline(
        "all", control(bannedClients=["nobody"]), config.PUBLISHED_MAPPER, config.kafka_filter()
    )
    daemon = start_daemon(config.render(config.node(), config.proxy(rules=rules), everything))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.subscribe(10, ("a", 1)), mqtt.unsubscribe(11, "a"))
        client.expect(mqtt.suback(10, 1), mqtt.unsuback(11))
        client.send(mqtt.publish("t", b"the only one", qos=1))
        client.expect(mqtt.puback(1))
        client.end()
    connected(daemon.address(), "lost").socket.close()
    daemon.wait_metric(0, "mqttproxy_connections")
    daemon.wait_metric(1, "mqttproxy_publish_outcomes_total", outcome="stored")
    assert [record.payload for record in read_topic(daemon.embedded_kafka, "uplink")] == ["the only one"]


@pytest.fixture(scope="module")
def controlled(tmp_path_factory: pytest.TempPathFactory):
    """The same ConnectControl at CONNECT and at PUBLISH, and a second proxy with it at PUBLISH only."""
    bans = control(
        bannedClients=["mallory"], bannedClientRe="^evil-", bannedTopics=["secret/topic"], bannedTopicRe="^private/"
    )
    daemon = Daemon(
        config.render(
            config.node(),
            config.proxy(rules={"Connect": "connect", "Publish": "publish"}),
            config.proxy("late", rules={"Publish": "publish"}),
            config.pipeline("connect", bans),
            config.pipeline("publish", bans, config.kafka_filter()),
        ),
        tmp_path_factory.mktemp("controlled"),
    )
    yield daemon
    daemon.stop()


@pytest.mark.parametrize("client_id", ["mallory", "evil-1"])
def test_a_banned_client_is_refused_at_connect_with_5(controlled: Daemon, client_id: str) -> None:
    before = controlled.metrics().total("mqttproxy_connects_total", return_code="5")
    with Client(controlled.address()) as client:
        client.send(mqtt.connect(client_id))
        client.expect(mqtt.connack(5))
        client.expect_closed()
    controlled.wait_metric(before + 1, "mqttproxy_connects_total", return_code="5")


def test_client_ids_that_only_resemble_a_banned_one_are_let_in(controlled: Daemon) -> None:
    for client_id in ("Mallory", "mallory2", "not-evil-1"):
        connected(controlled.address(), client_id).end()


@pytest.mark.parametrize("client_id", ["mallory", "evil-1"])
def test_a_banned_client_is_closed_at_its_first_publish(controlled: Daemon, client_id: str) -> None:
    with connected(controlled.address("late"), client_id) as client:
        client.send(mqtt.publish("t", b"x", qos=1))
        client.expect_closed()
    controlled.wait_log(rf'client_id="{client_id}".* reason=pipeline detail="client id is banned"')


@pytest.mark.parametrize("topic", ["secret/topic", "private/x"])
def test_a_banned_topic_closes_without_an_ack(controlled: Daemon, topic: str) -> None:
    before = controlled.metrics().total("mqttproxy_disconnects_total", reason="pipeline")
    with connected(controlled.address(), "alice") as client:
        client.send(mqtt.publish("secret/topic2", b"fine", qos=1))
        client.expect(mqtt.puback(1))
        client.send(mqtt.publish(topic, b"x", qos=1, packet_id=2))
        client.expect_closed()
    controlled.wait_metric(before + 1, "mqttproxy_disconnects_total", reason="pipeline")
    assert topic not in {record.header("mqttTopic")[0] for record in read_topic(controlled.embedded_kafka, "uplink")}


def test_a_will_for_a_banned_topic_is_not_stored_and_the_log_says_so(controlled: Daemon) -> None:
    before = controlled.metrics().total("mqttproxy_publish_outcomes_total", outcome="not_stored")
    connected(controlled.address(), "bob", will=Will("private/state", b"gone")).socket.close()
    controlled.wait_log(r'will not stored client_id="bob" .*detail="topic is banned"')
    controlled.wait_metric(before + 1, "mqttproxy_publish_outcomes_total", outcome="not_stored")


def test_a_will_nobody_maps_is_counted_as_dropped(start_daemon) -> None:
    mapper = config.PUBLISHED_MAPPER | {"onNoMatch": "drop"}
    kafka = config.kafka_filter(topic=None, mqtt=config.MAPPED)
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", mapper, kafka)))
    connected(daemon.address(), "c", will=Will("other/x", b"gone")).socket.close()
    daemon.wait_metric(1, "mqttproxy_publish_outcomes_total", outcome="dropped")
    assert daemon.metrics().total("mqttproxy_publish_outcomes_total", outcome="stored") == 0


def test_a_jump_decides_before_on_no_match(start_daemon) -> None:
    mapper = config.PUBLISHED_MAPPER | {"onNoMatch": "disconnect"}
    flow = [
        {"filter": "topic-mapper", "jumpIf": {"MQTTTopicMapFailed": "rest"}},
        {"filter": "kafka", "jumpIf": {"": "END"}},
        {"filter": "rest"},
    ]
    filters = [
        mapper,
        config.kafka_filter(topic=None, mqtt=config.MAPPED),
        config.kafka_filter(topic="rest", name="rest"),
    ]
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", *filters, flow=flow)))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("other/x/y", b"v", qos=1))
        client.expect(mqtt.puback(1))
    assert [record.payload for record in read_topic(daemon.embedded_kafka, "rest")] == ["v"]


def test_two_kafka_filters_of_which_one_refuses_give_no_ack(start_daemon) -> None:
    """Both reports are needed; what the first has stored is no answer to the same packet id sent again."""
    filters = [config.kafka_filter(topic="first", name="kafka1"), config.kafka_filter(topic=None, name="kafka2")]
    daemon = start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", *filters)))
    for attempt in range(2):
        with connected(daemon.address(), "c", clean=False, session_present=attempt > 0) as client:
            client.send(mqtt.publish("straße", b"v", qos=2, packet_id=7))  # no legal Kafka name for kafka2
            client.expect_closed()
    wait_until("both are in the first", lambda: len(read_topic(daemon.embedded_kafka, "first")) == 2)
    with connected(daemon.address(), "c", clean=False, session_present=True) as client:
        client.send(mqtt.publish("legal", b"w", qos=2, packet_id=7))
        client.expect(mqtt.pubrec(7))
    assert [record.payload for record in read_topic(daemon.embedded_kafka, "legal")] == ["w"]
