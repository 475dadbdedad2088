"""Reload, by SIGHUP or POST /apis/v1/reload: what changes does so without a connection closed, a bad file changes
nothing."""

import base64
import hashlib
import signal
import ssl
import threading
from pathlib import Path

import pytest

from support import config, mqtt
from support.backend import Backend
from support.certificates import Authority
from support.daemon import Daemon
from support.kafka import read_topic
from support.mqtt import Client, Will, connected
from support.tls import TlsClient, tls_connected
from support.waiting import wait_until

RELOAD = "/apis/v1/reload"
OTHER_USER = {"username": "other", "saltedSha256Pass": hashlib.sha256(b"saltsecret").hexdigest()}


def documents(
    proxy: config.Document | None = None, kafka: config.Document | None = None, **node: object
) -> str:
    return config.render(
        config.node(**node), config.proxy(**(proxy or {})), config.pipeline("publish", config.kafka_filter(**(kafka or {})))
    )


def with_users(*users: config.Document) -> str:
    return config.render(
        config.node(),
        config.proxy(rules={"Connect": "auth", "Publish": "publish"}),
        config.pipeline("auth", config.auth_filter(*users)),
        config.pipeline("publish", config.kafka_filter()),
    )


def reload(daemon: Daemon, text: str) -> None:
    daemon.config_file.write_text(text)
    response = daemon.http(RELOAD, "POST")
    assert response.status == 200, response.body
    assert response.json()["reloaded"] is True


def refused(daemon: Daemon, text: str) -> list[dict[str, object]]:
    daemon.config_file.write_text(text)
    response = daemon.http(RELOAD, "POST")
    assert response.status == 422, response.body
    assert response.json()["code"] == 422
    return response.json()["errors"]


def publish(client: Client, payload: str, packet_id: int = 1) -> None:
    client.send(mqtt.publish("t", payload.encode(), qos=1, packet_id=packet_id))
    client.expect(mqtt.puback(packet_id))


def stored(daemon: Daemon, topic: str) -> list[str]:
    return [record.payload for record in read_topic(daemon.embedded_kafka, topic)]


def connect_answer(daemon: Daemon, username: str, password: str) -> bytes:
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("who", username=username, password=password))
        return client.receive(4)


# ---- what changes


@pytest.mark.parametrize("way", ["signal", "request"])
def test_users_change_and_who_is_connected_stays(start_daemon, way: str) -> None:
    daemon = start_daemon(with_users(config.TEST_USER))
    with connected(daemon.address(), "c", username="test", password="test") as client:
        if way == "signal":
            daemon.config_file.write_text(with_users(OTHER_USER))
            daemon.signal(signal.SIGHUP)
            daemon.wait_log("configuration reloaded")
        else:
            reload(daemon, with_users(OTHER_USER))
        assert connect_answer(daemon, "test", "test") == mqtt.connack(4)
        assert connect_answer(daemon, "other", "secret") == mqtt.connack(0)
        publish(client, "still here")
    daemon.wait_metric(1, "mqttproxy_reloads_total", result="ok")


def test_the_next_message_of_a_connection_goes_where_the_new_pipeline_says(start_daemon) -> None:
    daemon = start_daemon(documents(kafka={"topic": "before"}))
    with connected(daemon.address(), "c") as client:
        publish(client, "one")
        reload(daemon, documents(kafka={"topic": "after"}))
        publish(client, "two", 2)
    assert stored(daemon, "before") == ["one"]
    assert stored(daemon, "after") == ["two"]
    daemon.wait_log('kafka producer retired producer="kafka"')


def test_a_rule_more_and_a_rule_less(start_daemon) -> None:
    acl = {"name": "acl", "kind": "ACL", "rules": [{"deny": "all", "topics": ["#"]}]}
    rules = {"Publish": "publish", "Subscribe": "acl"}
    strict = config.render(
        config.node(), config.proxy(rules=rules), config.pipeline("acl", acl), config.pipeline("publish", config.kafka_filter())
    )
    daemon = start_daemon(documents())
    with connected(daemon.address(), "c") as client:
        client.subscribe(("a", 0))
        reload(daemon, strict)
        client.send(mqtt.subscribe(2, ("b", 0)))
        client.expect(mqtt.suback(2, 0x80))
        reload(daemon, documents())
        client.send(mqtt.subscribe(3, ("b", 0)))
        client.expect(mqtt.suback(3, 0))
        with Backend(daemon) as backend:
            backend.publish("a", "a subscription from before")
        client.expect_message("a", b"a subscription from before")


def test_limits_of_packets_hold_at_once(start_daemon) -> None:
    daemon = start_daemon(documents())
    with connected(daemon.address(), "small") as small, connected(daemon.address(), "large") as large:
        reload(daemon, documents(limits={"maxPacketSize": 100}))
        large.send(mqtt.publish("t", b"x" * 200, qos=1, packet_id=1))
        large.expect_closed()
        publish(small, "x")
        reload(daemon, documents(limits={"maxPacketSize": "1MiB"}))
        publish(small, "x" * 200, 2)


def test_limits_of_connections_let_stay_who_is_there(start_daemon) -> None:
    daemon = start_daemon(documents())
    with connected(daemon.address(), "one") as one, connected(daemon.address(), "two") as two:
        reload(daemon, documents(limits={"maxConnections": 1}))
        assert daemon.metrics().total("mqttproxy_connections_limit") == 1
        with Client(daemon.address()) as third:
            third.expect_closed()
        one.expect_alive()
        two.expect_alive()
        reload(daemon, documents(proxy={"maxAllowedConnection": 2}))
        with Client(daemon.address()) as third:
            third.send(mqtt.connect("three"))
            third.expect(mqtt.connack(3))


def test_limits_of_sessions(start_daemon) -> None:
    """Two QoS 1 messages may be on their way at once, then one."""
    daemon = start_daemon(documents(limits={"inflightWindow": 1}))
    with connected(daemon.address(), "c") as client, Backend(daemon) as backend:
        client.subscribe(("t", 1))
        for payload in ("one", "two", "three"):
            backend.publish("t", payload, qos=1)
        first = client.receive_message()
        reload(daemon, documents(limits={"inflightWindow": 3}))
        client.send(mqtt.puback(first.packet_id))
        assert [client.receive_message().payload for _ in range(2)] == [b"two", b"three"]


def test_a_rate_that_is_lifted_lets_go_what_waits(start_daemon) -> None:
    daemon = start_daemon(documents({"clientPublishLimit": {"requestRate": 1, "timePeriod": 100_000}}))
    with connected(daemon.address(), "c") as client:
        client.send(*(mqtt.publish("t", b"x", qos=1, packet_id=i) for i in range(1, 6)))
        client.expect(mqtt.puback(1))
        daemon.wait_metric(1, "mqttproxy_connections_parked")
        reload(daemon, documents())
        client.expect(*(mqtt.puback(i) for i in range(2, 6)))


def test_the_log_level(start_daemon) -> None:
    daemon = start_daemon(documents())
    reload(daemon, documents(log={"level": "error"}))
    reload(daemon, documents(log={"level": "info"}))
    daemon.wait_log("configuration reloaded")
    daemon.stop()
    assert len([line for line in daemon.lines if "configuration reloaded" in line]) == 1


def slow_hash(password: str) -> str:
    """Takes a second or so to compute."""
    digest = hashlib.scrypt(password.encode(), salt=b"salt" * 4, n=2**15, r=8, p=16, maxmem=1 << 27, dklen=32)
    salt, hashed = (base64.b64encode(part).decode().rstrip("=") for part in (b"salt" * 4, digest))
    return f"$scrypt$ln=15,r=8,p=16${salt}${hashed}"


def test_a_password_that_is_being_checked_is_one_of_the_users_there_were(start_daemon, tmp_path: Path) -> None:
    """Its CONNECT ends as it began; the next one meets the new users."""
    users = tmp_path / "users"
    users.write_text(f"slow:{slow_hash('secret')}\n")
    daemon = start_daemon(config.render(
        config.node(),
        config.proxy(rules={"Connect": "auth", "Publish": "publish"}),
        config.pipeline("auth", {"kind": "MQTTClientAuth", "name": "auth", "salt": "salt", "file": str(users)}),
        config.pipeline("publish", config.kafka_filter()),
    ))
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("c", username="slow", password="secret"))
        daemon.wait_metric(1, "mqttproxy_connections_parked")
        reload(daemon, with_users(OTHER_USER))
        client.expect(mqtt.connack(0))
    assert connect_answer(daemon, "slow", "secret") == mqtt.connack(4)


# ---- certificates


def tls(certificate: config.Document, client_ca: Path | None = None) -> str:
    proxy: config.Document = {"useTLS": True, "certificate": [certificate]}
    if client_ca:
        proxy["clientCAFile"] = str(client_ca)
    return documents(proxy)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
def test_a_certificate_is_replaced(start_daemon, authority: Authority, version: ssl.TLSVersion) -> None:
    daemon = start_daemon(tls(authority.server("localhost").files()))
    context = authority.client_context(version=version)
    with tls_connected(daemon.address(), context, "old") as old:
        reload(daemon, tls(authority.server("localhost").files()))
        with tls_connected(daemon.address(), context, "new") as new:
            assert new.server_certificate() != old.server_certificate()
            publish(old, "a")
            publish(new, "b")


def test_a_client_authority_that_is_taken_away_lets_nobody_in_not_even_with_a_ticket(
    start_daemon, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other", "other")
    server = authority.server("localhost")
    daemon = start_daemon(tls(server.files(), authority.file))
    context = authority.client_context(authority.client("device"), version=ssl.TLSVersion.TLSv1_2)
    with tls_connected(daemon.address(), context, "device") as old:
        session = old.socket.session
        reload(daemon, tls(server.files(), other.file))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            TlsClient(daemon.address(), context, session=session).connect("again")
        publish(old, "stays")


def test_token_and_certificate_of_the_api(start_daemon, authority: Authority) -> None:
    def text(token: str, certificate: config.Document | None) -> str:
        api: config.Document = {"address": "127.0.0.1:0", "token": token}
        if certificate:
            api["tls"] = certificate
        return documents(api=api)

    daemon = start_daemon(text("first", None))
    bearer = {token: {"Authorization": f"Bearer {token}"} for token in ("first", "second")}
    daemon.config_file.write_text(text("second", None))
    assert daemon.http(RELOAD, "POST").status == 401
    assert daemon.http(RELOAD, "POST", headers=bearer["first"]).status == 200
    assert daemon.http("/metrics", headers=bearer["first"]).status == 401
    assert daemon.http("/metrics", headers=bearer["second"]).status == 200
    files = {key: value for key, value in authority.server("localhost").files().items() if key != "name"}
    daemon.config_file.write_text(text("second", files))
    assert daemon.http(RELOAD, "POST", headers=bearer["second"]).status == 200
    daemon.tls = authority.client_context()
    assert daemon.http("/metrics", headers=bearer["second"]).status == 200


# ---- what is refused


def test_a_bad_file_is_refused_whole(start_daemon) -> None:
    daemon = start_daemon(with_users(config.TEST_USER))
    bad = with_users(OTHER_USER).replace('"Publish"', '"Pubish"')
    errors = refused(daemon, bad)
    assert any("Pubish" in error["text"] and error["line"] > 1 and error["column"] > 1 for error in errors), errors
    daemon.wait_log(r"error.* configuration .*mqttproxy.yaml:\d+:\d+: .*Pubish")
    assert connect_answer(daemon, "test", "test") == mqtt.connack(0)
    assert connect_answer(daemon, "other", "secret") == mqtt.connack(4)
    daemon.signal(signal.SIGHUP)
    daemon.wait_metric(2, "mqttproxy_reloads_total", result="refused")
    daemon.config_file.unlink()
    assert "cannot be read" in str(daemon.http(RELOAD, "POST").json()["errors"])
    daemon.config_file.write_text("{")
    assert daemon.http(RELOAD, "POST").status == 422


@pytest.mark.parametrize(
    ("node", "proxy", "path"),
    [
        ({"threads": 3}, {}, "Node test: threads"),
        ({"name": "elsewhere"}, {}, "Node elsewhere: name"),
        ({"api": {"address": "127.0.0.1:1"}}, {}, "Node test: api.address"),
        ({"api": {"address": "127.0.0.1:0", "maxConnections": 7}}, {}, "Node test: api.maxConnections"),
        ({"api": {"address": "127.0.0.1:0", "idleTimeout": 7}}, {}, "Node test: api.idleTimeout"),
        ({"log": {"format": "json"}}, {}, "Node test: log.format"),
        ({"downlink": {"mode": "kafka", "backend": ["127.0.0.1:1"]}}, {}, "Node test: downlink.mode"),
        ({"downlink": {"queue": {"maxMessages": 7}}}, {}, "Node test: downlink.queue.maxMessages"),
        ({}, {"port": 1}, "MQTTProxy mqttproxy"),
        ({}, {"proxyProtocol": True}, "MQTTProxy mqttproxy"),
        ({}, {"listeners": [{"port": 0, "address": "127.0.0.1"}]}, "MQTTProxy mqttproxy"),
        ({}, {"name": "renamed"}, "MQTTProxy renamed"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_needs_a_restart_is_said_at_its_place(start_shared_daemon, restartable, node, proxy, path) -> None:
    errors = refused(restartable, documents(proxy, **node))
    mine = [error for error in errors if error["path"] == path]
    assert len(mine) == 1 and "restart" in mine[0]["text"], errors
    assert mine[0]["line"] > 0
    reload(restartable, documents())


@pytest.fixture(scope="module")
def restartable(start_shared_daemon) -> Daemon:
    return start_shared_daemon(documents())


def test_proxies_may_stand_in_another_order(start_daemon) -> None:
    def text(*names: str) -> str:
        publish_to = [config.pipeline(name, config.kafka_filter(topic=name, name=name)) for name in names]
        return config.render(config.node(), *(config.proxy(n, {"Publish": n}) for n in names), *publish_to)

    daemon = start_daemon(text("one", "two"))
    reload(daemon, text("two", "one"))
    with connected(daemon.address("one"), "c") as client:
        publish(client, "x")
    assert stored(daemon, "one") == ["x"]


# ---- under load


def lingering(milliseconds: int) -> str:
    return documents(kafka={"properties": {"linger.ms": milliseconds}})


def test_what_an_earlier_producer_holds_back_is_not_overtaken(start_daemon) -> None:
    daemon = start_daemon(lingering(2_000))
    with connected(daemon.address(), "c") as client:
        client.send(mqtt.publish("t", b"1", qos=1, packet_id=1), mqtt.publish("t", b"2", qos=2, packet_id=2))
        daemon.wait_metric(2, "mqttproxy_unacked")
        reload(daemon, lingering(0))
        client.send(mqtt.publish("t", b"3", qos=1, packet_id=3))
        daemon.wait_metric(1, "mqttproxy_connections_parked")
        client.expect(mqtt.puback(1), mqtt.pubrec(2), mqtt.puback(3))
    assert stored(daemon, "uplink") == ["1", "2", "3"]
    daemon.wait_log('kafka producer retired .* records_waiting=2')


def test_what_an_earlier_connection_left_with_an_earlier_producer_is_not_overtaken(start_daemon) -> None:
    daemon = start_daemon(lingering(2_000))
    with connected(daemon.address(), "c", clean=False) as client:
        client.send(mqtt.publish("t", b"1", qos=2, packet_id=1))
        daemon.wait_metric(1, "mqttproxy_unacked")
    daemon.wait_metric(0, "mqttproxy_connections")
    reload(daemon, lingering(0))
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("c", clean=False))
        client.expect(mqtt.connack(0, session_present=True))
        client.send(mqtt.publish("t", b"1", qos=2, packet_id=1, dup=True), mqtt.publish("t", b"2", qos=1, packet_id=2))
        client.expect(mqtt.pubrec(1), mqtt.puback(2))
    assert stored(daemon, "uplink") == ["1", "2"]


def test_a_run_that_waits_for_room_ends_in_the_pipeline_it_began_in(start_daemon) -> None:
    """Two Kafka filters: the record of the first is not produced again, whatever the configuration is by now."""

    def text(second: str) -> str:
        full = {"queue": {"maxMessages": 1}, "properties": {"linger.ms": 1_000}}
        first = config.kafka_filter(topic="first", name="first")
        return config.render(
            config.node(), config.proxy(), config.pipeline("publish", first, config.kafka_filter(topic=second, name="second", **full))
        )

    daemon = start_daemon(text("second"))
    with connected(daemon.address(), "c") as client:
        client.send(*(mqtt.publish("t", str(i).encode(), qos=1, packet_id=i) for i in (1, 2)))
        daemon.wait_metric(1, "mqttproxy_parks_total", cause="producer_queue")
        reload(daemon, text("third"))
        client.expect(mqtt.puback(1), mqtt.puback(2))
        client.send(mqtt.publish("t", b"3", qos=1, packet_id=3))
        client.expect(mqtt.puback(3))
    assert stored(daemon, "first") == ["1", "2", "3"]
    assert stored(daemon, "second") == ["1", "2"]
    assert stored(daemon, "third") == ["3"]


def test_a_will_that_waits_is_published_by_the_pipeline_it_met(start_daemon) -> None:
    def text(topic: str) -> str:
        full = {"queue": {"maxMessages": 1}, "properties": {"linger.ms": 1_000}}
        return documents(kafka={"topic": topic} | full)

    daemon = start_daemon(text("before"))
    with connected(daemon.address(), "other") as other:
        client = connected(daemon.address(), "c", will=Will("t", b"will", qos=1))
        other.send(mqtt.publish("t", b"full", qos=1, packet_id=1))
        daemon.wait_metric(1, "mqttproxy_unacked")
        client.socket.close()
        daemon.wait_metric(1, "mqttproxy_wills_waiting")
        reload(daemon, text("after"))
        other.expect(mqtt.puback(1))
        daemon.wait_metric(0, "mqttproxy_wills_waiting")
    daemon.wait_metric(2, "mqttproxy_publish_outcomes_total", outcome="stored")
    assert sorted(stored(daemon, "before")) == ["full", "will"]


class Publisher(threading.Thread):
    """Publishes numbers until it is told to end; some are always on their way, so that no reload finds it idle."""

    WINDOW = 50

    def __init__(self, daemon: Daemon, client_id: str) -> None:
        super().__init__(name=client_id)
        self.sent = 0
        self.acknowledged = 0
        self.problem: BaseException | None = None
        self._daemon = daemon
        self._end = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            with connected(self._daemon.address(), self.name) as client:
                self._send(client, self.WINDOW)
                while not self._end.is_set():
                    self._take(client)
                    self._send(client, 1)
                while self.acknowledged < self.sent:
                    self._take(client)
        except BaseException as problem:  # noqa: BLE001 - told to the test
            self.problem = problem

    def _send(self, client: Client, count: int) -> None:
        numbers = range(self.sent, self.sent + count)
        client.send(*(mqtt.publish("t", f"{self.name} {n}".encode(), qos=1, packet_id=self._id(n)) for n in numbers))
        self.sent += count

    def _take(self, client: Client) -> None:
        client.expect(mqtt.puback(self._id(self.acknowledged)))
        self.acknowledged += 1

    @staticmethod
    def _id(number: int) -> int:
        return number % 65_535 + 1

    def end(self) -> None:
        self._end.set()
        self.join()
        assert self.problem is None, self.problem


def test_reloads_under_load_lose_nothing_and_keep_the_order(start_daemon) -> None:
    """Another producer with each: a connection's later messages must not overtake those that the old one still has."""
    daemon = start_daemon(lingering(50))
    publishers = [Publisher(daemon, f"d{i}") for i in range(4)]
    for i in range(12):
        before = [publisher.acknowledged for publisher in publishers]
        reload(daemon, lingering(0 if i % 2 == 0 else 50))
        wait_until("all go on", lambda: all(p.problem or p.acknowledged > n for p, n in zip(publishers, before)))
    for publisher in publishers:
        publisher.end()
    numbers: dict[str, list[int]] = {publisher.name: [] for publisher in publishers}
    for payload in stored(daemon, "uplink"):
        client_id, number = payload.split()
        numbers[client_id].append(int(number))
    for publisher in publishers:
        assert numbers[publisher.name] == list(range(publisher.sent)), publisher.name
    daemon.wait_metric(0, "mqttproxy_unacked")
    daemon.wait_metric(12, "mqttproxy_reloads_total", result="ok")
