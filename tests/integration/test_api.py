"""The HTTP API, as far as it needs no subscriber: publishing, sessions, wrong requests, the token."""

import base64

import pytest

from support import config
from support.daemon import Daemon, Response

PREFIXES = ["/apis/v1", "/apis/v2"]
BASE = "/apis/v1/mqttproxy/mqttproxy"
PUBLISH = f"{BASE}/topics/publish"
QUERY = f"{BASE}/session/query"
SESSIONS = f"{BASE}/sessions"


def expect_error(response: Response, status: int, word: str = "") -> None:
    """An error is JSON that repeats the code and says what is wrong."""
    assert response.status == status, response
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert isinstance(body, dict) and body["code"] == status and word in body["message"], response


def expect_empty(response: Response) -> None:
    assert (response.status, response.body) == (200, "")


# --- publish ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "message",
    [
        {"topic": "t", "qos": 1, "payload": "data"},
        {"topic": "t", "qos": 1, "payload": base64.b64encode(b"data").decode(), "base64": True},
        {"topic": "t", "qos": 0, "payload": "data", "base64": False, "distributed": True},
        {"topic": "t"},
        {"TOPIC": "t", "QoS": 1, "extra": 1},
        [{"topic": "t", "payload": "1"}, {"topic": "t", "payload": "2", "qos": 1}],
    ],
)
def test_a_publish_is_answered_with_an_empty_200(daemon: Daemon, prefix: str, message: object) -> None:
    expect_empty(daemon.http(f"{prefix}/mqttproxy/mqttproxy/topics/publish", "POST", body=message))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"non json", "JSON"),
        (b"", "JSON"),
        (b'{"topic":"t"} trailing', "JSON"),
        (b'{"topic":"\xff"}', "JSON"),
        ({"topic": "t", "qos": 10}, "qos"),
        ({"topic": "t", "qos": 2}, "qos"),
        ({"topic": "t", "qos": "1"}, "qos"),
        ({"topic": "t", "qos": 10, "base64": True, "payload": "data"}, "qos"),
        ({"topic": "t", "base64": True, "payload": "!!"}, "payload"),
        ({"topic": "t", "base64": True, "payload": "aGk"}, "payload"),
        ({"topic": "t", "payload": 1}, "payload"),
        ({}, "topic"),
        ({"topic": "a/#"}, "topic"),
        ({"topic": "a/+/b"}, "topic"),
        ({"topic": "a\0b"}, "topic"),
        ({"topic": "x" * 5_000}, "topic"),
        ({"topic": "/" * 200}, "topic"),
        ([], "array"),
        ([{"topic": "t"}, {"topic": "#"}], "[1].topic"),
        (7, "object"),
    ],
)
def test_a_wrong_body_is_400(daemon: Daemon, body: object, word: str) -> None:
    expect_error(daemon.http(PUBLISH, "POST", body=body), 400, word)


def test_the_configured_limits_hold(start_daemon) -> None:
    daemon = start_daemon(
        config.simple(
            api={"address": "127.0.0.1:0", "maxBodySize": "1KiB"}, limits={"maxTopicLength": 10, "maxTopicLevels": 2}
        )
    )
    expect_empty(daemon.http(PUBLISH, "POST", body={"topic": "1234/67890"}))
    expect_error(daemon.http(PUBLISH, "POST", body={"topic": "1234/678901"}), 400, "maxTopicLength")
    expect_error(daemon.http(PUBLISH, "POST", body={"topic": "a/b/c"}), 400, "maxTopicLevels")
    expect_error(daemon.http(PUBLISH, "POST", body={"topic": "a", "payload": "x" * 1_024}), 413, "maxBodySize")


# --- sessions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("query", ["", "?", "?page=1&page_size=20&q=nothing/like/this", "?page=9&page_size=20&q="])
def test_no_session_found_is_null(daemon: Daemon, prefix: str, query: str) -> None:
    response = daemon.http(f"{prefix}/mqttproxy/mqttproxy/session/query{query}")
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.body == '{"sessions":null}'
    assert response.headers["X-Total-Count"] == "0"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("page=1", "page_size"),
        ("page_size=2", "page"),
        ("q=", "page"),
        ("page=0&page_size=10", "page"),
        ("page=1&page_size=0", "page_size"),
        ("page=x&page_size=1", "page"),
        ("page=1&page_size=-1", "page_size"),
    ],
)
def test_a_query_without_its_numbers_is_400(daemon: Daemon, query: str, word: str) -> None:
    expect_error(daemon.http(f"{QUERY}?{query}"), 400, word)


def test_an_unknown_session_is_404(daemon: Daemon) -> None:
    expect_error(daemon.http(f"{SESSIONS}/no%2Fbody"), 404, "client id")


@pytest.mark.parametrize("body", [{"sessions": [{"sessionID": "nobody"}]}, {"sessions": []}, {"sessions": None}, {}])
def test_deleting_unknown_sessions_is_an_empty_200(daemon: Daemon, body: object) -> None:
    expect_empty(daemon.http(SESSIONS, "DELETE", body=body))


@pytest.mark.parametrize("body", [b"x", b"", [], {"sessions": "a"}, {"sessions": ["a"]}, {"sessions": [{"sessionID": 1}]}])
def test_deleting_with_a_wrong_body_is_400(daemon: Daemon, body: object) -> None:
    expect_error(daemon.http(SESSIONS, "DELETE", body=body), 400, "sessionID")


# --- every resource --------------------------------------------------------------------------------------------------

RESOURCES = [(PUBLISH, "POST"), (SESSIONS, "DELETE"), (QUERY, "GET"), (f"{SESSIONS}/a", "GET"), ("/metrics", "GET")]


@pytest.mark.parametrize("path", ["/nothing", "/apis/v3/healthz", f"{BASE}/nothing", f"{BASE}/topics", "/x/../healthz"])
def test_an_unknown_path_is_404(daemon: Daemon, path: str) -> None:
    expect_error(daemon.http(path), 404)


@pytest.mark.parametrize(("path", "method"), RESOURCES[:-1])
def test_an_unknown_proxy_is_404(daemon: Daemon, path: str, method: str) -> None:
    expect_error(daemon.http(path.replace("/mqttproxy/mqttproxy/", "/mqttproxy/nobody/"), method), 404, "MQTTProxy")


@pytest.mark.parametrize(("path", "method"), RESOURCES)
def test_a_wrong_method_is_400_and_names_the_right_one(daemon: Daemon, path: str, method: str) -> None:
    for wrong in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FETCH"} - {method}:
        response = daemon.http(path, wrong, body={"topic": "t"})
        expect_error(response, 400, method)
        assert method in response.headers["Allow"].split(", ")


@pytest.mark.parametrize(("path", "method"), RESOURCES)
def test_the_token_is_needed_everywhere_but_at_health(start_daemon, path: str, method: str) -> None:
    daemon = start_daemon(config.simple(api={"address": "127.0.0.1:0", "token": "sesame"}))
    body = {"topic": "t"}
    for headers in [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "sesame"}]:
        response = daemon.http(path, method, headers, body)
        expect_error(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert daemon.http(path, method, {"Authorization": "Bearer sesame"}, body).status in (200, 404)
    assert daemon.http("/apis/v1/healthz").status == 200


def test_a_web_page_cannot_publish_without_a_token(daemon: Daemon) -> None:
    headers = {"Origin": "http://example.org", "Content-Type": "text/plain"}
    expect_error(daemon.http(PUBLISH, "POST", headers, {"topic": "t"}), 403, "api.token")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_health_and_metrics_stand_below_the_prefixes_too(daemon: Daemon, prefix: str) -> None:
    for path in ["/healthz", "/readyz", "/metrics"]:
        assert daemon.http(prefix + path).status == daemon.http(path).status


def test_requests_and_messages_are_counted(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    daemon.http(PUBLISH, "POST", body=[{"topic": "t", "payload": "12"}, {"topic": "t", "payload": "345"}])
    daemon.http(PUBLISH, "POST", body="x")
    daemon.http("/a/path/that/must/not/become/a/label")
    metrics = daemon.metrics()
    assert metrics.total("mqttproxy_http_requests_total", route="publish", code="200") == 1
    assert metrics.total("mqttproxy_http_requests_total", route="publish", code="400") == 1
    assert metrics.total("mqttproxy_http_requests_total", route="unknown", code="404") == 1
    assert metrics.total("mqttproxy_http_published_messages_total", result="accepted") == 2
    assert metrics.total("mqttproxy_http_published_bytes_total") == 5
    assert metrics.total("mqttproxy_http_connections") >= 1  # this scrape's
    daemon.wait_metric(1, "mqttproxy_http_requests_in_flight")

