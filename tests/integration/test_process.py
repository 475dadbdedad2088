"""The daemon as a process: command line, exit codes, ports, logs, signals."""

import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from support import config, mqtt
from support.daemon import BINARY, ROOT, Daemon, run
from support.kafka import read_topic
from support.mqtt import connected

RUNTIME_FAILURE = 1
CONFIG_ERROR = 2


@pytest.fixture
def write(tmp_path: Path):
    def write_file(text: str) -> Path:
        file = tmp_path / "test.yaml"
        file.write_text(text)
        return file

    return write_file


def test_version_is_that_of_the_build() -> None:
    expected = re.search(r"project\(mqttproxy VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    done = run("--version")
    assert done.returncode == 0
    assert expected and expected[1] in done.stdout


def test_the_binary_is_hardened() -> None:
    def readelf(option: str) -> str:
        return subprocess.run(["readelf", "-W", option, BINARY], capture_output=True, text=True, check=True).stdout

    symbols = readelf("--dyn-syms")
    if re.search(r"__[at]san_init", symbols):
        pytest.skip("sanitizers are a build of their own")
    assert re.search(r"Type:\s+DYN \(Position-Independent Executable file\)", readelf("--file-header"))
    assert "GNU_RELRO" in readelf("--program-headers")
    assert re.search(r"GNU_STACK .* RW ", readelf("--program-headers"))
    assert "NOW" in readelf("--dynamic")
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__\w+_chk@", symbols)


def test_help_names_the_commands() -> None:
    done = run("--help")
    assert done.returncode == 0
    for word in ("--config", "check", "explain"):
        assert word in done.stdout


def test_an_unknown_option_is_an_error() -> None:
    done = run("--no-such-option")
    assert done.returncode == CONFIG_ERROR
    assert "no-such-option" in done.stderr


@pytest.mark.parametrize("name", ["mqttproxy.yaml", "quickstart.yaml"])
def test_check_accepts_the_shipped_configurations(name: str) -> None:
    done = run("check", ROOT / "config" / name)
    assert done.returncode == 0, done.stderr


def test_check_accepts_a_good_file(write) -> None:
    assert run("check", write(config.simple())).returncode == 0


WRONG_DOCUMENTS = """\
kind: MQTTProxy
name: mqttproxy
port: 99999
adress: 127.0.0.1
rules:
- when:
    packetType: Publisch
  pipeline: publish
---
kind: Pipeline
name: publish
filters:
- name: kafka
  kind: Kafka
  backend: [embedded]
flow:
- filter: kafkaa
"""

WRONG_FILTERS = """\
kind: MQTTProxy
name: mqttproxy
port: 0
rules:
- when:
    packetType: Publish
  pipeline: publish
---
kind: Pipeline
name: publish
filters:
- name: mapper
  kind: TopicMapper
  matchIndex: -1
- name: kafka
  kind: Kafka
  backend: [embedded]
  topic:
    default: "no/legal/name"
  properties:
    acks: "1"
- name: mystery
  kind: TopicMaper
"""


@pytest.mark.parametrize("arguments", [("check",), ("--config",)])
@pytest.mark.parametrize(
    ("text", "lines", "hint"),
    [
        pytest.param(WRONG_DOCUMENTS, {3, 4, 7, 17}, "address", id="documents"),
        pytest.param(WRONG_FILTERS, {14, 19, 21, 23}, "TopicMapper", id="filters"),
    ],
)
def test_configuration_errors_come_all_at_once_with_their_places(write, arguments, text, lines, hint) -> None:
    file = write(text)
    done = run(*arguments, file)
    assert done.returncode == CONFIG_ERROR
    places = re.findall(rf"^{re.escape(str(file))}:(\d+):\d+: \S", done.stderr, re.MULTILINE)
    found = [int(line) for line in places]
    assert lines <= set(found), done.stderr
    assert found == sorted(found)
    assert re.search(f'did you mean "?{hint}', done.stderr)


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    done = run("check", tmp_path / "nowhere.yaml")
    assert done.returncode == CONFIG_ERROR
    assert "nowhere.yaml" in done.stderr


def test_a_yaml_syntax_error_is_reported_with_its_place(write) -> None:
    file = write("kind: MQTTProxy\nname: [\n")
    done = run("check", file)
    assert done.returncode == CONFIG_ERROR
    assert re.search(rf"^{re.escape(str(file))}:\d+:\d+: ", done.stderr, re.MULTILINE)


def test_secrets_may_come_from_the_environment(write) -> None:
    documents = config.render(
        config.node(),
        config.proxy(rules={"Connect": "auth", "Publish": "publish"}),
        config.pipeline("auth", config.auth_filter(salt="${TEST_SALT}")),
        config.pipeline("publish", config.kafka_filter()),
    )
    assert run("check", write(documents), env={"TEST_SALT": "salt"}).returncode == 0
    done = run("check", write(documents))
    assert done.returncode == CONFIG_ERROR
    assert "TEST_SALT" in done.stderr


def test_explain_tells_where_a_publish_would_go() -> None:
    done = run(
        "explain",
        "--config",
        ROOT / "config/quickstart.yaml",
        "--topic",
        "gateway/gate123/iphone/log",
        "--client-id",
        "phone1",
        "--username",
        "test",
        "--proxy",
        "mqttproxy",
    )
    assert done.returncode == 0, done.stderr
    for word in ("iot_phone", "phone1", "gatewayID", "gate123", "mqttTopic"):
        assert word in done.stdout, done.stdout


def test_port_0_is_chosen_by_the_system_and_logged(daemon: Daemon) -> None:
    assert daemon.address()[1] > 0
    assert daemon.api[1] > 0


def busy_config(port: int, api_port: int) -> str:
    return config.render(
        config.node(api={"address": f"127.0.0.1:{api_port}"}),
        config.proxy(port=port),
        config.pipeline("publish", config.kafka_filter()),
    )


@pytest.mark.parametrize("which", ["mqtt", "api"])
def test_a_busy_port_ends_the_start_with_1_and_its_address(write, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        done = run("--config", write(busy_config(port, 0) if which == "mqtt" else busy_config(0, port)))
    assert done.returncode == RUNTIME_FAILURE
    assert f"127.0.0.1:{port}" in done.stderr


def test_a_second_daemon_cannot_share_the_port_of_the_first(daemon: Daemon, write) -> None:
    """Its listening sockets are SO_REUSEPORT: without care a second process would take half the connections."""
    done = run("--config", write(busy_config(daemon.address()[1], 0)))
    assert done.returncode == RUNTIME_FAILURE


def test_several_proxies_have_their_own_clients(start_daemon) -> None:
    daemon = start_daemon(
        config.render(
            config.node(),
            config.proxy("one"),
            config.proxy("two", rules={"Publish": "other"}),
            config.pipeline("publish", config.kafka_filter(topic="from-one")),
            config.pipeline("other", config.kafka_filter(topic="from-two")),
        )
    )
    with connected(daemon.address("one"), "same") as one, connected(daemon.address("two"), "same") as two:
        for client, payload in ((one, b"1"), (two, b"2")):
            client.send(mqtt.publish("t", payload, qos=1))
            client.expect(mqtt.puback(1))
    assert [record.payload for record in read_topic(daemon.embedded_kafka, "from-one")] == ["1"]
    assert [record.payload for record in read_topic(daemon.embedded_kafka, "from-two")] == ["2"]


def test_json_logs_are_one_object_a_line(start_daemon) -> None:
    daemon = start_daemon(config.simple(log={"level": "debug", "format": "json"}))
    connected(daemon.address(), 'quo"te\\').end()
    daemon.wait_log("client disconnected")
    daemon.stop()
    for line in daemon.lines:
        entry = json.loads(line)
        assert {"time", "level", "message"} <= entry.keys()
    assert any(json.loads(line)["message"].startswith("client connected ") for line in daemon.lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_termination_signal_ends_it_cleanly(start_daemon, number: signal.Signals) -> None:
    daemon = start_daemon(config.simple())
    with connected(daemon.address(), "c", will=mqtt.Will("state", b"gone")) as client:
        daemon.signal(number)
        client.expect_closed()
    assert daemon.wait_exit() == 0
    daemon.check_log()


def test_sigterm_stores_and_acknowledges_what_was_taken(start_daemon) -> None:
    """Acks that leave during the drain are in order and without gaps, then the connection ends."""
    daemon = start_daemon(config.simple())
    count = 2_000
    with connected(daemon.address(), "c") as client:
        client.send(*(mqtt.publish("t", b"x" * 100, qos=1, packet_id=i + 1) for i in range(count)))
        client.expect(mqtt.puback(1))
        daemon.signal(signal.SIGTERM)
        rest = client.receive(4 * count)
    assert rest == b"".join(mqtt.puback(i + 2) for i in range(len(rest) // 4))
    assert daemon.wait_exit() == 0
    daemon.check_log()


def test_sigpipe_is_survived(daemon: Daemon) -> None:
    for _ in range(20):
        client = connected(daemon.address(), "abrupt")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # close() sends RST
        client.send(*[mqtt.PINGREQ] * 1_000)
        client.socket.close()
    with connected(daemon.address(), "alive") as client:
        client.expect_alive()
