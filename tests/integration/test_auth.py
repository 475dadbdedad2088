"""MQTTClientAuth as devices meet it: who is let in, and the return code of a refusal."""

import base64
import hashlib
import os
import pty
import subprocess

import pytest

from support import config, mqtt
from support.daemon import BINARY, Daemon, environment
from support.mqtt import Client, connected
from support.waiting import PATIENCE

# The acceptance vectors: sha256(password + salt).
SALT = "abcfdlfkjaslfkalfjslfskfjslf"
USERS = [
    {
        "username": "test",
        "saltedSha256Pass": "a598729b6938f20d9f40568bebd52d57a94cbc56361c6cb9cc8ca27f6043b406",
    },
    {
        "username": "admin",
        "saltedSha256Pass": "1606d7be9f74c075e1e2b5085657f9aee7c6cf01f8ab1eea1308324d58e36440",
    },
]


def documents(auth: config.Document, **proxy_keys: object) -> str:
    return config.render(
        config.node(),
        config.proxy(rules={"Connect": "auth", "Publish": "publish"}, **proxy_keys),
        config.pipeline("auth", auth, protocol="MQTT", flow=[{"filter": "auth"}]),
        config.pipeline("publish", config.kafka_filter()),
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory):
    daemon = Daemon(documents(config.auth_filter(*USERS, salt=SALT)), tmp_path_factory.mktemp("daemon"))
    yield daemon.address()
    daemon.stop()


@pytest.mark.parametrize(("client_id", "user"), [("client1", "test"), ("client2", "admin")])
def test_right_credentials_are_let_in(address, client_id: str, user: str) -> None:
    with connected(address, client_id, username=user, password=user) as client:
        client.expect_alive()


@pytest.mark.parametrize(
    ("client_id", "username", "password"),
    [
        pytest.param("client3", "fake", "test", id="unknown user"),
        pytest.param("client4", "test", "wrongPass", id="wrong password"),
        pytest.param("client5", "test", "admin", id="password of another user"),
        pytest.param("client6", "test", "", id="empty password"),
        pytest.param("client7", "test", None, id="no password"),
        pytest.param("client8", None, None, id="no credentials"),
        pytest.param("client9", "TEST", "test", id="user names have case"),
    ],
)
def test_wrong_or_missing_credentials_are_refused_with_4(address, client_id, username, password) -> None:
    with Client(address) as client:
        client.send(mqtt.connect(client_id, username=username, password=password))
        client.expect(mqtt.connack(4))
        client.expect_closed()


def test_MQTT_3_1_3_6_empty_client_id_with_right_credentials_gets_a_generated_one(address) -> None:
    # mosquitto_pub without -i sends an empty client id.
    with connected(address, "", username="test", password="test") as client:
        client.expect_alive()


def test_empty_client_id_with_wrong_credentials_is_refused_with_4(address) -> None:
    with Client(address) as client:
        client.send(mqtt.connect("", username="test", password="wrong"))
        client.expect(mqtt.connack(4))
        client.expect_closed()


def test_MQTT_3_2_2_4_refused_connack_has_no_session_present(start_daemon) -> None:
    daemon = start_daemon(documents(config.auth_filter()))
    connected(daemon.address(), "kept", clean=False, username="test", password="test").end()
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("kept", clean=False, username="test", password="wrong"))
        client.expect(mqtt.connack(4, session_present=False))
        client.expect_closed()
    connected(daemon.address(), "kept", clean=False, session_present=True, username="test", password="test").end()


def test_a_refused_connect_does_not_disturb_who_has_the_client_id(start_daemon) -> None:
    daemon = start_daemon(documents(config.auth_filter()))
    with connected(daemon.address(), "owner", username="test", password="test") as owner:
        with Client(daemon.address()) as thief:
            thief.send(mqtt.connect("owner", username="test", password="wrong"))
            thief.expect(mqtt.connack(4))
            thief.expect_closed()
        owner.expect_alive()
    daemon.wait_metric(1, "mqttproxy_connects_total", return_code="4")
    daemon.wait_metric(1, "mqttproxy_disconnects_total", reason="connect_refused")


def test_packets_sent_behind_a_refused_connect_are_not_processed(start_daemon) -> None:
    """[MQTT-3.1.4-5]"""
    daemon = start_daemon(documents(config.auth_filter()))
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("c", username="test", password="wrong"), mqtt.publish("t", b"x", qos=1))
        client.expect(mqtt.connack(4))
        client.expect_closed()
    daemon.wait_metric(1, "mqttproxy_connects_total", return_code="4")
    assert daemon.metrics().total("mqttproxy_publishes_total") == 0


def test_connect_refusal_easegress_always_answers_5(start_daemon) -> None:
    daemon = start_daemon(documents(config.auth_filter(), connectRefusal="easegress"))
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("c", username="test", password="wrong"))
        client.expect(mqtt.connack(5))
        client.expect_closed()


@pytest.mark.parametrize(
    "digest",
    [
        pytest.param("1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74", id="salt before password"),
        pytest.param("4edf07edc95b2fdcbcaf2378fd12d8ac212c2aa6e326c59c3e629be3039d6432", id="password before salt"),
        pytest.param("4EDF07EDC95B2FDCBCAF2378FD12D8AC212C2AA6E326C59C3E629BE3039D6432", id="upper case"),
    ],
)
def test_both_published_hash_orders_work(start_daemon, digest: str) -> None:
    daemon = start_daemon(documents(config.auth_filter({"username": "test", "saltedSha256Pass": digest})))
    connected(daemon.address(), "c", username="test", password="test").end()


def test_passwords_never_reach_the_log(start_daemon) -> None:
    daemon = start_daemon(documents(config.auth_filter()))
    for password in ("test", "s3cret-in-vain"):
        with Client(daemon.address()) as client:
            client.send(mqtt.connect("c", username="test", password=password))
            client.receive(4)
    daemon.wait_metric(2, "mqttproxy_packets_total", direction="in", type="CONNECT")
    assert daemon.find_log("s3cret") is None


# Python's hashlib, password "test".
SCRYPT = "$scrypt$ln=14,r=8,p=1${salt}${hash}"


def scrypt(password: str) -> str:
    salt = b"0123456789abcdef"
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return SCRYPT.format(salt=base64.b64encode(salt).decode().rstrip("="), hash=base64.b64encode(digest).decode().rstrip("="))


def test_password_file_with_slow_hashes_does_not_hold_up_others(start_daemon, tmp_path) -> None:
    users = tmp_path / "users"
    users.write_text(f"slow:{scrypt('secret')}\nfast:{config.TEST_USER['saltedSha256Pass']}\n")
    auth = {"kind": "MQTTClientAuth", "name": "auth", "salt": "salt", "file": str(users)}
    daemon = start_daemon(documents(auth))
    with connected(daemon.address(), "bystander", username="fast", password="test") as bystander:
        clients = [Client(daemon.address()) for _ in range(20)]
        for number, client in enumerate(clients):
            password = "secret" if number % 2 == 0 else "wrong"
            # What follows CONNECT waits for its answer.
            client.send(mqtt.connect(f"c{number}", username="slow", password=password), mqtt.publish("t", b"x", qos=1))
        bystander.expect_alive()
        for number, client in enumerate(clients):
            client.expect(mqtt.connack(0 if number % 2 == 0 else 4))
            if number % 2 == 0:
                client.expect(mqtt.puback(1))
            client.socket.close()


def test_a_client_that_leaves_while_its_password_is_checked_is_forgotten(start_daemon, tmp_path) -> None:
    users = tmp_path / "users"
    users.write_text(f"slow:{scrypt('secret')}\n")
    auth = {"kind": "MQTTClientAuth", "name": "auth", "file": str(users)}
    daemon = start_daemon(documents(auth))
    for number in range(20):
        client = Client(daemon.address())
        client.send(mqtt.connect(f"c{number}", username="slow", password="secret"))
        client.socket.close()
    connected(daemon.address(), "after", username="slow", password="secret").end()
    daemon.wait_metric(0, "mqttproxy_connections")


def hash_password(*arguments: str, password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BINARY), "hash-password", *arguments], input=password, capture_output=True, text=True, env=environment()
    )


def test_a_line_of_hash_password_lets_its_user_in(start_daemon, tmp_path) -> None:
    made = hash_password("--username", "sensor1", password="pass word\n")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("sensor1:$scrypt$") and made.stdout.count("\n") == 1
    assert "pass word" not in made.stdout + made.stderr
    users = tmp_path / "users"
    users.write_text(made.stdout)
    daemon = start_daemon(documents({"kind": "MQTTClientAuth", "name": "auth", "file": str(users)}))
    connected(daemon.address(), "c", username="sensor1", password="pass word").end()
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("c", username="sensor1", password="pass word\n"))
        client.expect(mqtt.connack(4))


def test_hash_password_on_a_terminal_asks_twice_and_shows_nothing() -> None:
    for again, code in (("secret", 0), ("other", 2)):
        ours, theirs = pty.openpty()
        asking = subprocess.Popen(
            [str(BINARY), "hash-password"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )
        os.close(theirs)
        assert asking.stderr and asking.stdout
        for prompt, line in (("Password: ", "secret"), ("Again: ", again)):
            assert asking.stderr.read(len(prompt)).decode() == prompt
            os.write(ours, line.encode() + b"\n")
            assert asking.stderr.read(1) == b"\n"
        assert asking.wait(PATIENCE) == code
        assert asking.stdout.read().startswith(b"$scrypt$") == (code == 0)
        os.set_blocking(ours, False)
        try:
            assert b"secret" not in os.read(ours, 1_000)
        except OSError:  # nothing was echoed
            pass
        os.close(ours)


@pytest.mark.parametrize(("arguments", "password"), [((), ""), ((), "\n"), (("--username", "a:b"), "x\n"), (("--username", "#a"), "x\n")])
def test_hash_password_says_what_it_cannot_take(arguments: tuple[str, ...], password: str) -> None:
    refused = hash_password(*arguments, password=password)
    assert refused.returncode == 2 and refused.stdout == "" and refused.stderr
