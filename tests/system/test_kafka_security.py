"""Kafka behind TLS, with SASL/SCRAM or client certificates: librdkafka's properties as an operator writes them, right ones
and wrong ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import config, mqtt
from support.backend import Backend
from support.certificates import Authority, Certificate
from support.daemon import Daemon, run
from support.kafka import QUICK_RESTART, Kafka, write_topic
from support.mqtt import connected
from support.waiting import wait_until

USER = "gateway"
PASSWORD = "correct-horse-battery"
VARIABLE = "TEST_KAFKA_PASSWORD"


class SecureKafka:
    """A broker that is reached in the clear by the test, and by the daemon over TLS only, with password or certificate."""

    def __init__(self, directory: Path, certificates: bool = False) -> None:
        self.authority = Authority(directory)
        self.stranger = Authority(directory, "stranger")
        self.broker = Kafka(directory / "kafka", *QUICK_RESTART)
        self.address = self.broker.listen_secure(
            self.authority.server("broker.example"), client_authority=self.authority.file if certificates else None
        )
        self.broker.start()
        if not certificates:
            self.broker.add_user(USER, PASSWORD)

    def properties(self, **other: str) -> dict[str, str]:
        return {
            "security.protocol": "sasl_ssl",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": USER,
            "sasl.password": f"${{{VARIABLE}}}",
            "ssl.ca.location": str(self.authority.file),
            "debug": "conf,security",  # what librdkafka says of its settings must hold no secret either
        } | {name.replace("_", "."): value for name, value in other.items()}

    def documents(
        self, topic: str, properties: dict[str, str], address: str | None = None, downlink: bool = False
    ) -> str:
        address = address or self.address
        node: dict[str, object] = {"log": {"level": "debug"}, "limits": {"drainTimeout": "1s"}}
        if downlink:
            topics = {"topic": f"{topic}-down", "sessionsTopic": f"{topic}-sessions", "sessionsPartitions": 1}
            node["downlink"] = {"mode": "kafka", "backend": [address], "properties": properties} | topics
        return config.render(
            config.node(**node),
            config.proxy(),
            config.pipeline("publish", config.kafka_filter(address, topic, properties=properties)),
        )

    def stored(self, topic: str) -> list[str | None]:
        return [record.payload for record in self.broker.read(topic)]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    kafka = SecureKafka(tmp_path_factory.mktemp("secure-kafka"))
    yield kafka
    kafka.broker.kill()


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    return PASSWORD


def expect_not_ready(daemon: Daemon, *words: str) -> None:
    """/readyz gives a reason in these words."""

    def said() -> bool:
        response = daemon.http("/readyz")
        return response.status == 503 and all(word in response.body for word in words)

    wait_until(f"/readyz says {words}", said)


def expect_secret(daemon: Daemon, *secrets: str) -> None:
    """Nothing of it in the log at its most talkative, the API, and what the command line prints."""
    document = daemon.config_file
    said = [
        *daemon.lines,
        daemon.http("/readyz").body,
        daemon.http("/metrics").body,
        daemon.http("/apis/v1/mqttproxy/mqttproxy/session/query").body,
    ]
    for arguments in (
        ["check", document],
        ["check", document, "--connect"],
        ["explain", "--config", document, "--topic", "t"],
    ):
        done = run(*arguments)
        said += [done.stdout, done.stderr]
    assert daemon.find_log(" debug ")
    assert not [text for text in said for secret in secrets if secret in text]


@pytest.mark.parametrize("source", ["environment", "file"])
def test_messages_go_up_and_down(
    secure: SecureKafka, start_daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    topic = f"up-{source}"
    secure.broker.create_topic(topic)
    properties = secure.properties()
    if source == "environment":
        monkeypatch.setenv(VARIABLE, PASSWORD)
    else:
        (tmp_path / "password").write_text(PASSWORD + "\n")
        # The CA as well, by the property that takes its content.
        properties |= {"sasl.password": f"file:{tmp_path}/password", "ssl.ca.pem": f"file:{secure.authority.file}"}
        del properties["ssl.ca.location"]
    daemon = start_daemon(secure.documents(topic, properties, downlink=True))
    daemon.wait_ready()
    with connected(daemon.address(), "device") as device:
        device.send(mqtt.publish("t", b"up", qos=1, packet_id=1))
        device.expect(mqtt.puback(1))
        device.subscribe(("news", 1))
        with Backend(daemon) as backend:
            backend.publish("news", "from the backend", qos=1)
        device.expect_message("news", b"from the backend", qos=1)
        write_topic(secure.broker.address, f"{topic}-down", ("news", "from Kafka"))
        device.expect_message("news", b"from Kafka", qos=1)
    assert secure.stored(topic) == ["up"]
    connected_check = run("check", daemon.config_file, "--connect")
    assert connected_check.returncode == 0, connected_check.stderr
    expect_secret(daemon, PASSWORD)


def test_with_a_wrong_password_nothing_is_acked_until_it_is_right(
    secure: SecureKafka, start_daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is put right in Kafka: no restart of the daemon is needed."""
    topic = secure.broker.create_topic("wrong-password")
    new_password = "another-horse-battery"
    monkeypatch.setenv(VARIABLE, new_password)
    daemon = start_daemon(secure.documents(topic, secure.properties()))
    try:
        expect_not_ready(daemon, "SASL", "invalid credentials")
        with connected(daemon.address(), "device") as device:
            device.send(mqtt.publish("t", b"1", qos=1, packet_id=1), mqtt.publish("t", b"2", qos=2, packet_id=2))
            device.expect_alive()
            assert secure.stored(topic) == []
            expect_secret(daemon, new_password, PASSWORD)
            secure.broker.add_user(USER, new_password)
            device.expect(mqtt.puback(1), mqtt.pubrec(2))
    finally:
        secure.broker.add_user(USER, PASSWORD)
    assert secure.stored(topic) == ["1", "2"]
    daemon.wait_ready()


def test_a_downlink_with_a_wrong_password_says_so(
    secure: SecureKafka, start_daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "wrong-horse-battery")
    daemon = start_daemon(secure.documents("downlink-password", secure.properties(), downlink=True))
    expect_not_ready(daemon, "downlink: ", "invalid credentials")
    with Backend(daemon) as backend:
        assert backend.post({"topic": "news"}).status == 503
    refused = run("check", daemon.config_file, "--connect")
    assert refused.returncode == 2
    assert "invalid credentials" in refused.stderr
    expect_secret(daemon, "wrong-horse-battery")


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_broker_that_is_not_trusted_gets_nothing(
    secure: SecureKafka, start_daemon, password: str, wrong: str
) -> None:
    """Restarted with the right CA and name, everything that was not acknowledged is stored, once."""
    topic = secure.broker.create_topic(f"wrong-{wrong}")
    if wrong == "authority":
        properties, address = secure.properties(ssl_ca_location=str(secure.stranger.file)), secure.address
    else:
        properties, address = secure.properties(), secure.address.replace("127.0.0.1", "localhost")
    daemon = start_daemon(secure.documents(topic, properties, address))
    expect_not_ready(daemon, "certificate verify failed")
    with connected(daemon.address(), "device", clean=False) as device:
        device.send(mqtt.publish("t", b"1", qos=1, packet_id=1))
        device.expect_alive()
        expect_secret(daemon, password)
    daemon.process.terminate()
    assert daemon.wait_exit() == 1  # what it could not store is given up, and not acknowledged
    daemon.check_log()
    assert secure.stored(topic) == []

    daemon = start_daemon(secure.documents(topic, secure.properties()))
    daemon.wait_ready()
    with connected(daemon.address(), "device", clean=False) as device:
        device.send(mqtt.publish("t", b"1", qos=1, packet_id=1, dup=True))
        device.expect(mqtt.puback(1))
    assert secure.stored(topic) == ["1"]


@pytest.mark.parametrize("downlink", [False, True])
def test_a_ca_file_that_cannot_be_read_is_an_error_of_the_configuration(
    secure: SecureKafka, password: str, tmp_path: Path, downlink: bool
) -> None:
    file = tmp_path / "mqttproxy.yaml"
    properties = secure.properties(ssl_ca_location=str(tmp_path / "missing.pem"))
    file.write_text(secure.documents("t", properties, downlink=downlink))
    for done in (run("check", file), run("--config", file)):
        assert done.returncode == 2
        assert f"{file}:" in done.stderr and "ssl.ca.location" in done.stderr
        assert password not in done.stderr + done.stdout


# ---- client certificates


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A broker that serves nobody without a certificate of its authority."""
    kafka = SecureKafka(tmp_path_factory.mktemp("mutual-kafka"), certificates=True)
    yield kafka
    kafka.broker.kill()


def showing(mutual: SecureKafka, certificate: Certificate | None, pem: bool = False) -> dict[str, str]:
    properties = {"security.protocol": "ssl", "ssl.ca.location": str(mutual.authority.file), "debug": "conf,security"}
    if certificate:
        kind, prefix = ("pem", "file:") if pem else ("location", "")
        properties[f"ssl.certificate.{kind}"] = f"{prefix}{certificate.cert_file}"
        properties[f"ssl.key.{kind}"] = f"{prefix}{certificate.key_file}"
    return properties


@pytest.mark.parametrize("pem", [False, True], ids=["location", "pem"])
def test_with_a_certificate_that_kafka_trusts_messages_go_up_and_down(
    mutual: SecureKafka, start_daemon, pem: bool
) -> None:
    topic = mutual.broker.create_topic(f"certificate-{'pem' if pem else 'location'}")
    certificate = mutual.authority.client("gateway")
    daemon = start_daemon(mutual.documents(topic, showing(mutual, certificate, pem), downlink=True))
    daemon.wait_ready()
    with connected(daemon.address(), "device") as device, Backend(daemon) as backend:
        device.send(mqtt.publish("t", b"up", qos=1, packet_id=1))
        device.expect(mqtt.puback(1))
        device.subscribe(("news", 1))
        backend.publish("news", "down", qos=1)
        device.expect_message("news", b"down", qos=1)
    assert mutual.stored(topic) == ["up"]
    checked = run("check", daemon.config_file, "--connect")
    assert checked.returncode == 0, checked.stderr
    key = certificate.key.splitlines()[1]  # a line of its base64
    expect_secret(daemon, key)


@pytest.mark.parametrize("wrong", ["none", "stranger"])
def test_without_a_certificate_that_kafka_trusts_nothing_is_acked_and_the_reason_is_said(
    mutual: SecureKafka, start_daemon, wrong: str
) -> None:
    topic = mutual.broker.create_topic(f"certificate-{wrong}")
    certificate = mutual.stranger.client("gateway") if wrong == "stranger" else None
    daemon = start_daemon(mutual.documents(topic, showing(mutual, certificate)))
    # In OpenSSL's words, and which of several depends on the broker's Java.
    expect_not_ready(daemon, "alert", "certificate")
    daemon.wait_log('kafka not ready producer="kafka" .*alert .*certificate')
    with connected(daemon.address(), "device") as device:
        device.send(mqtt.publish("t", b"1", qos=1, packet_id=1))
        device.expect_alive()
    assert mutual.stored(topic) == []
    daemon.process.terminate()
    assert daemon.wait_exit() == 1  # the record is given up, and was not acknowledged
    daemon.check_log()

    daemon = start_daemon(mutual.documents(topic, showing(mutual, certificate), downlink=True))
    expect_not_ready(daemon, "downlink: ", "alert", "certificate")
    refused = run("check", daemon.config_file, "--connect")
    assert refused.returncode == 2 and "alert" in refused.stderr and "certificate" in refused.stderr, refused
