"""What the status page asks for: connections, rules, explanations, errors – and who may ask."""

from contextlib import ExitStack
from urllib.parse import quote

import pytest

from support import config, mqtt
from support.daemon import ROOT, Daemon, Response, run
from support.mqtt import connected
from support.waiting import wait_until

BASE = "/apis/v1/mqttproxy/mqttproxy"


def connections(daemon: Daemon, q: str = "", limit: int = 100, proxy: str = "mqttproxy") -> dict[str, object]:
    response = daemon.http(f"/apis/v1/mqttproxy/{proxy}/connections?limit={limit}&q={quote(q)}")
    assert response.status == 200, response
    return response.json()


def client_ids(daemon: Daemon, q: str = "", **keys: object) -> list[str]:
    return [row["clientID"] for row in connections(daemon, q, **keys)["connections"]]


# --- connections -----------------------------------------------------------------------------------------------------


def test_a_connection_and_what_it_has_done(start_daemon) -> None:
    daemon = start_daemon(config.simple(threads=4))
    with connected(daemon.address(), "phone1", username="hugo", keep_alive=60, clean=False) as client:
        client.subscribe(("a/+", 1), ("b", 0))
        sent = mqtt.publish("t", b"x" * 100, qos=1, packet_id=7)
        client.send(sent)
        client.expect(mqtt.puback(7))
        assert daemon.http(f"{BASE}/topics/publish", "POST", body={"topic": "a/1", "qos": 1, "payload": "hi"}).status == 200
        message = client.receive_message()
        (row,) = connections(daemon)["connections"]
        assert row["clientID"] == "phone1" and row["username"] == "hugo"
        assert row["address"] == "%s:%d" % client.socket.getsockname()
        assert row["listener"] == "%s:%d" % daemon.address()
        assert (row["tls"], row["keepAlive"], row["cleanSession"], row["parked"]) == (None, 60, False, [])
        assert row["connectedSince"].endswith("Z")
        assert (row["packetsIn"], row["packetsOut"]) == (3, 4)  # CONNECT … and CONNACK, SUBACK, PUBACK, PUBLISH
        came_in = mqtt.connect("phone1", username="hugo", keep_alive=60, clean=False)
        came_in += mqtt.subscribe(1, ("a/+", 1), ("b", 0)) + sent
        gone_out = mqtt.connack() + mqtt.suback(1, 1, 0) + mqtt.puback(7)
        gone_out += mqtt.publish("a/1", b"hi", qos=1, packet_id=message.packet_id)
        assert (row["bytesIn"], row["bytesOut"]) == (len(came_in), len(gone_out))
        assert (row["unacked"], row["inflight"], row["queued"], row["subscriptions"]) == (0, 1, 0, 2)
        client.send(mqtt.puback(message.packet_id))
        wait_until("nothing is in flight", lambda: connections(daemon)["connections"][0]["inflight"] == 0)
        client.end()
    wait_until("nobody is listed", lambda: connections(daemon) == {"connections": [], "more": False})


def test_search_finds_client_ids_users_and_addresses_on_every_worker(start_daemon) -> None:
    daemon = start_daemon(config.simple(threads=4))
    ids = sorted(f"device-{number}" for number in range(40))
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(daemon.address(), id, username=f"user-{id[-1]}")) for id in ids]
        assert client_ids(daemon) == ids
        assert client_ids(daemon, "device-1") == [id for id in ids if id.startswith("device-1")]
        assert client_ids(daemon, "user-7") == [id for id in ids if id.endswith("7")]
        port = clients[5].socket.getsockname()[1]
        assert ids[5] in client_ids(daemon, f"127.0.0.1:{port}")
        assert client_ids(daemon, "nobody") == []
        assert client_ids(daemon, "DEVICE") == []


def test_a_listing_stops_at_its_limit_and_says_so(start_daemon) -> None:
    daemon = start_daemon(config.simple(threads=4))
    with ExitStack() as stack:
        for number in range(30):
            stack.enter_context(connected(daemon.address(), f"d{number}"))
        for limit in [1, 10, 29]:
            page = connections(daemon, limit=limit)
            assert (len(page["connections"]), page["more"]) == (limit, True)
        page = connections(daemon, limit=30)
        assert (len(page["connections"]), page["more"]) == (30, False)
    for limit in ["0", "1001", "x", ""]:
        response = daemon.http(f"{BASE}/connections?limit={limit}")
        assert response.status == 400 and "limit" in response.json()["message"]


def test_a_worker_looks_no_further_than_the_limit(start_daemon) -> None:
    """Else a listing would hold all connections for a moment, however many there are."""
    daemon = start_daemon(config.simple(threads=1))
    with ExitStack() as stack:
        for client_id in ["d", "c", "b", "a"]:
            stack.enter_context(connected(daemon.address(), client_id))
        # Of the first two, which say that there are more, the first by name.
        assert client_ids(daemon, limit=1) == ["c"]


def test_every_proxy_has_its_own_connections(start_daemon) -> None:
    daemon = start_daemon(
        config.render(config.node(), config.proxy("one"), config.proxy("two"), config.pipeline("publish", config.kafka_filter()))
    )
    with connected(daemon.address("one"), "a"), connected(daemon.address("two"), "b"):
        assert client_ids(daemon, proxy="one") == ["a"]
        assert client_ids(daemon, proxy="two") == ["b"]
    assert daemon.http("/apis/v1/mqttproxy/three/connections").status == 404


def test_who_has_not_said_connect_is_not_listed(daemon: Daemon) -> None:
    with mqtt.Client(daemon.address()):
        daemon.wait_metric(1, "mqttproxy_connections")
        assert connections(daemon)["connections"] == []


def test_a_connection_that_is_not_read_says_why(start_daemon) -> None:
    """A filter of its own rate limit is the simplest way to be parked."""
    document = config.render(
        config.node(),
        config.proxy(clientPublishLimit={"requestRate": 1, "timePeriod": 3600}),
        config.pipeline("publish", config.kafka_filter()),
    )
    daemon = start_daemon(document)
    with connected(daemon.address(), "fast") as client:
        client.send(*(mqtt.publish("t", b"x", qos=1, packet_id=number) for number in range(1, 20)))
        wait_until("it is parked", lambda: connections(daemon)["connections"][0]["parked"] == ["rate"])


HOSTILE = ["<img src=x onerror=alert(1)>", '"}],"more":true', "a\u202eb", "ü", "'; DROP TABLE", "\\u0000", "%00", "a/b?c#d"]


def test_hostile_client_ids_come_back_as_they_are(daemon: Daemon) -> None:
    with ExitStack() as stack:
        for client_id in HOSTILE:
            stack.enter_context(connected(daemon.address(), client_id, username=client_id))
        assert sorted(client_ids(daemon), key=str.encode) == sorted(HOSTILE, key=str.encode)
        for client_id in HOSTILE:
            assert client_ids(daemon, client_id) == [client_id]
            session = daemon.http(f"{BASE}/sessions/{quote(client_id, safe='')}")
            assert session.json()["sessionID"] == client_id


# --- rules and explanations ------------------------------------------------------------------------------------------


def test_the_proxies_and_their_rules(daemon: Daemon) -> None:
    listed = daemon.http("/apis/v1/mqttproxy").json()
    assert listed["node"] == "test"
    (proxy,) = listed["proxies"]
    assert proxy["name"] == "mqttproxy"
    (rule,) = proxy["rules"]
    assert rule == {
        "packetType": "Publish",
        "pipeline": "publish",
        "flow": [{"filter": "kafka", "kind": "Kafka", "jumpIf": {}}],
    }


def explain(daemon: Daemon, **question: object) -> Response:
    return daemon.http(f"{BASE}/explain", "POST", body=question)


def mapped(*, default: str) -> str:
    kafka = config.kafka_filter(topic=default, mqtt=config.MAPPED)
    return config.render(config.node(), config.proxy(), config.pipeline("publish", config.PUBLISHED_MAPPER, kafka))


def test_the_api_explains_as_the_command_line_does(start_daemon) -> None:
    daemon = start_daemon(mapped(default="rest"))
    for topic in ["gateway/g1/x/iphone", "direct/tv/log", "elsewhere/x"]:
        question = {"topic": topic, "clientID": "c1", "username": "hugo", "qos": 2, "retain": True, "payload": "12345"}
        said = explain(daemon, **question).json()
        arguments = ["--client-id", "c1", "--username", "hugo", "--qos", "2", "--retain", "--payload", "12345"]
        lines = run("explain", "--config", daemon.config_file, "--topic", topic, *arguments).stdout.splitlines()
        assert lines[0].endswith(f"pipeline {said['pipeline']}")
        (record,) = said["records"]
        expected = [f"{step['filter']}: {step['text']}" for step in said["steps"]]
        expected += [
            f"record to filter {record['filter']}",
            f"  topic:   {record['topic']}",
            f'  key:     "{record["key"]}"',
            f"  partition: {record['partition']}",
            *(f"  header:  {header['name']}={header['value']}" for header in record["headers"]),
            f"  payload: {record['payloadBytes']} bytes",
            said["text"],
        ]
        assert lines[1:] == expected
        assert said["outcome"] == "stored"


def test_an_explanation_produces_nothing(start_daemon) -> None:
    daemon = start_daemon(mapped(default="rest"))
    for number in range(20):
        assert explain(daemon, topic=f"gateway/g1/x/iphone{number}").status == 200
    assert daemon.metrics().total("mqttproxy_kafka_records_total") == 0


def test_after_a_reload_the_new_configuration_is_explained(start_daemon) -> None:
    daemon = start_daemon(mapped(default="before"))
    assert explain(daemon, topic="elsewhere").json()["records"][0]["topic"] == "before"
    daemon.config_file.write_text(mapped(default="after"))
    assert explain(daemon, topic="elsewhere").json()["records"][0]["topic"] == "before"
    assert daemon.http("/apis/v1/reload", "POST").status == 200
    assert explain(daemon, topic="elsewhere").json()["records"][0]["topic"] == "after"


def test_what_is_refused_is_explained_too(start_daemon) -> None:
    banned = {"kind": "ConnectControl", "name": "control", "bannedTopics": ["no"]}
    daemon = start_daemon(
        config.render(config.node(), config.proxy(), config.pipeline("publish", banned, config.kafka_filter()))
    )
    said = explain(daemon, topic="no").json()
    assert (said["outcome"], said["records"]) == ("refused", [])
    assert said["text"] == "not acknowledged, connection closed: topic is banned"
    for topic in ["", "a/#", "a/+/b", "x" * 5_000]:
        response = explain(daemon, topic=topic)
        assert response.status == 400 and "topic" in response.json()["message"]


# --- errors ----------------------------------------------------------------------------------------------------------


def kinds(daemon: Daemon) -> dict[str, dict[str, object]]:
    return {kind["kind"]: kind for kind in daemon.http("/apis/v1/errors").json()["kinds"]}


def test_errors_by_kind_with_the_latest_lines(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    assert "embedded kafka" in kinds(daemon)  # warns that nothing is durable
    for number in range(30):
        with connected(daemon.address(), f"bad{number}") as client:
            client.send(b"\xf0\x00")
            client.expect_closed()
    with connected(daemon.address(), "good") as client:
        client.end()
    daemon.wait_log('client_id="good".*reason=client_disconnect')
    found = kinds(daemon)
    error = found["protocol_error"]
    assert error["count"] == 30
    assert len(error["latest"]) == 20
    assert error["latest"][0]["level"] == "info"
    assert 'client_id="bad29"' in error["latest"][0]["text"]
    assert "client_disconnect" not in found
    daemon.config_file.write_text("kind: Nonsense\n")
    assert daemon.http("/apis/v1/reload", "POST").status == 422
    assert kinds(daemon)["configuration refused"]["latest"][0]["level"] == "error"


def test_errors_hold_no_secrets(start_daemon) -> None:
    auth = config.pipeline("auth", config.auth_filter())
    document = config.render(
        config.node(api={"address": "127.0.0.1:0", "token": "the-token"}),
        config.proxy(rules={"Connect": "auth", "Publish": "publish"}),
        auth,
        config.pipeline("publish", config.kafka_filter()),
    )
    daemon = start_daemon(document)
    with mqtt.Client(daemon.address()) as client:
        client.send(mqtt.connect("c", username="test", password="the-password"))
        client.expect(mqtt.connack(4))
    daemon.wait_log("reason=connect_refused")
    body = daemon.http("/apis/v1/errors", headers={"Authorization": "Bearer the-token"}).body
    assert "connect_refused" in body
    for secret in ["the-token", "the-password", config.TEST_USER["saltedSha256Pass"]]:
        assert secret not in body
        assert secret not in daemon.http("/apis/v1/mqttproxy", headers={"Authorization": "Bearer the-token"}).body


# --- who may ask -----------------------------------------------------------------------------------------------------

RESOURCES = [("/apis/v1/mqttproxy", "GET"), ("/apis/v1/errors", "GET"), (f"{BASE}/connections", "GET"), (f"{BASE}/explain", "POST")]


@pytest.fixture(scope="module")
def guarded(start_shared_daemon) -> Daemon:
    return start_shared_daemon(config.simple(api={"address": "127.0.0.1:0", "token": "sesame"}))


@pytest.mark.parametrize(("path", "method"), RESOURCES)
def test_all_but_the_page_needs_the_token(guarded: Daemon, path: str, method: str) -> None:
    body = {"topic": "t"} if method == "POST" else None
    assert guarded.http(path, method, body=body).status == 401
    assert guarded.http(path, method, {"Authorization": "Bearer sesame"}, body).status == 200


def test_the_page_needs_none_and_says_what_a_browser_may_do(guarded: Daemon) -> None:
    response = guarded.http("/")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert (ROOT / "src/http/page/page.js").read_text() in response.body
    assert guarded.http("/", "HEAD").body == ""


@pytest.mark.parametrize(("path", "method"), [*RESOURCES, (f"{BASE}/topics/publish", "POST"), ("/metrics", "GET")])
def test_without_a_token_only_our_own_page_may_ask(daemon: Daemon, path: str, method: str) -> None:
    host = "%s:%d" % daemon.api
    body = {"topic": "t"} if method == "POST" else None
    assert daemon.http(path, method, {"Origin": f"http://{host}"}, body).status == 200
    for origin in ["null", "http://example.org", "http://127.0.0.1", f"https://{host}", f"http://localhost:{daemon.api[1]}"]:
        assert daemon.http(path, method, {"Origin": origin}, body).status == 403, origin
    # DNS rebinding: the browser takes us for the stranger's own server.
    rebound = f"evil.example:{daemon.api[1]}"
    assert daemon.http(path, method, {"Host": rebound}, body).status == 403
    assert daemon.http(path, method, {"Host": rebound, "Origin": f"http://{rebound}"}, body).status == 403
