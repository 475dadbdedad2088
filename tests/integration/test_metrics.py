"""What /metrics, the alerts and the dashboard say to Prometheus, by Prometheus' own tool; and what OPERATIONS says of it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support import config, mqtt
from support.backend import Backend
from support.daemon import ROOT, Daemon
from support.metrics import Metrics
from support.mqtt import Client, Will, connected
from support.waiting import PATIENCE, wait_until

ALERTS = ROOT / "docker/prometheus/alerts.yaml"
ALERT_TESTS = Path(__file__).with_name("alerts_test.yaml")
DASHBOARD = ROOT / "docker/grafana/mqttproxy.json"

RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads(DASHBOARD.read_text())["panels"]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES]
EXPRESSIONS += [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]


def promtool(*arguments: str | Path, text: str = "") -> str:
    """What it says; it must not find anything."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def documents(downlink: str) -> str:
    broken = config.kafka_filter(topic="refused", name="refused", properties={"message.max.bytes": "1000"})
    return config.render(
        config.node(downlink={"mode": downlink} | ({"backend": ["embedded"]} if downlink == "kafka" else {})),
        config.proxy(rules={"Connect": "auth", "Publish": "publish"}),
        config.proxy("other", {"Publish": "broken"}),
        config.pipeline("auth", config.auth_filter()),
        config.pipeline("publish", config.kafka_filter(properties={"statistics.interval.ms": "100"})),
        config.pipeline("broken", broken),
    )


def keep_busy(daemon: Daemon) -> None:
    """Something of all there is to count: devices of several minds, messages in both directions, errors."""
    daemon.wait_ready()
    who = {"username": "test", "password": "test"}
    with Client(daemon.address()) as stranger:
        stranger.send(mqtt.connect("stranger", username="test", password="wrong"))
        stranger.expect(mqtt.connack(4))
    with Client(daemon.address()) as confused:
        confused.send(b"GET / HTTP/1.1\r\n\r\n")
        confused.expect_closed()
    with connected(daemon.address("other"), "large") as large:
        large.send(mqtt.publish("t", b"x" * 2_000, qos=1))
        large.expect_closed()
    connected(daemon.address(), "mortal", will=Will("state", b"gone"), **who).socket.close()
    with connected(daemon.address(), "away", clean=False, **who) as away:
        away.subscribe(("news", 1))
    with connected(daemon.address(), "device", **who) as device, Backend(daemon) as backend:
        device.subscribe(("news", 1))
        for qos, answer in ((0, []), (1, [mqtt.puback(2)]), (2, [mqtt.pubrec(2)])):
            device.send(mqtt.publish("t", b"up", qos=qos, packet_id=2))
            device.expect(*answer)
        backend.publish("news", "down", qos=1)
        device.expect_message("news", b"down", qos=1)
        assert backend.post({"topic": "#"}).status == 400
        daemon.wait_metric(1, "mqttproxy_connections")
        daemon.wait_metric(0, "mqttproxy_unacked")
        wait_until("librdkafka has said how it is", lambda: daemon.metrics().total("mqttproxy_kafka_requests_total"))
    daemon.http("/metrics")  # so that there has been one to count


@pytest.fixture(scope="module", params=["local", "kafka"])
def scrape(start_shared_daemon, request: pytest.FixtureRequest) -> str:
    daemon = start_shared_daemon(documents(request.param))
    keep_busy(daemon)
    return daemon.http("/metrics").body


def test_prometheus_finds_nothing_wrong_with_a_scrape(scrape: str) -> None:
    assert promtool("check", "metrics", text=scrape) == ""


# ---- alerts and dashboard


def test_the_rules_are_rules() -> None:
    assert f"SUCCESS: {len(RULES)} rules found" in promtool("check", "rules", ALERTS)


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", ALERT_TESTS)


@pytest.mark.parametrize("alert", [rule["alert"] for rule in RULES])
def test_each_alert_is_tested_for_firing_and_for_silence(alert: str) -> None:
    tests = [test for group in yaml.safe_load(ALERT_TESTS.read_text())["tests"] for test in group["alert_rule_test"]]
    mine = [test for test in tests if test["alertname"] == alert]
    assert any(test["exp_alerts"] for test in mine) and any(not test["exp_alerts"] for test in mine)


def test_the_expressions_of_the_dashboard_are_promql(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": expression} for n, (_, expression) in enumerate(EXPRESSIONS)]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", file)


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_alerts_and_dashboard_ask_for_series_there_are(scrape: str, where: str, expression: str) -> None:
    names = re.findall(r"\b(?:mqttproxy|process)_[a-z_]+", expression)
    assert names
    if names[0].startswith("mqttproxy_cluster_") and "mqttproxy_cluster_" not in scrape:
        return  # with downlink.mode local; the other scrape has them
    for name in names:
        assert re.search(rf"^{name}[ {{]", scrape, re.MULTILINE), f"{where}: {name}"
    for label in re.findall(r"by \(([a-z_, ]+)\)", expression):
        for part in label.split(", "):
            assert re.search(rf"^{names[0]}{{.*\b{part}=", scrape, re.MULTILINE), f"{where}: {names[0]} by {part}"
    for label, values in re.findall(r'([a-z_]+)=~?"([^"]+)"', expression):
        for value in values.split("|"):
            assert re.search(rf'^{names[0]}{{.*\b{label}="{value}"', scrape, re.MULTILINE), f"{where}: {value}"


def legend_labels() -> Iterator[tuple[str, str, str]]:
    for panel in PANELS:
        for target in panel["targets"]:
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                yield panel["title"], target["expr"], label
    for rule in RULES:
        for label in re.findall(r"{{ \$labels\.(\w+) }}", str(rule["annotations"])):
            yield rule["alert"], rule["expr"], label


@pytest.mark.parametrize(("where", "expression", "label"), list(legend_labels()))
def test_what_stands_in_legends_and_summaries_is_a_label_of_the_result(
    scrape: str, where: str, expression: str, label: str
) -> None:
    by = re.search(r"by \(([a-z_, ]+)\)", expression)
    if by:
        assert label in by[1].split(", "), where
    elif label != "instance":  # Prometheus' own
        [name, *_] = re.findall(r"\bmqttproxy_[a-z_]+", expression)
        assert re.search(rf"^{name}{{.*\b{label}=", scrape, re.MULTILINE), where


# ---- the documentation


def documented() -> set[str]:
    return set(re.findall(r"`((?:mqttproxy|process)_[a-z_]+)", (ROOT / "docs/OPERATIONS.md").read_text()))


def test_every_series_is_documented(scrape: str) -> None:
    assert set(Metrics(scrape).types) - documented() == set()


def test_what_is_documented_is_there() -> None:
    """In the source, that is: some series take a cluster, or TLS for the API."""
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.cpp"))
    ends = ("_bucket", "_sum", "_count")
    missing = {name for name in documented() if f'{name}"' not in sources and not name.endswith(ends)}
    assert missing == set()
