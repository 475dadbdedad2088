"""JWTAuth as devices meet it. The tokens are made by PyJWT, so that two implementations have to agree."""

import base64
import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from support import config, mqtt
from support.daemon import Daemon, run
from support.kafka import read_topic
from support.mqtt import Client, connected

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
FOREIGN_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def jwk(key, kid: str) -> dict:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return json.loads(algorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"}


def claims(**changes: object) -> dict[str, object]:
    """A claim set to None is left out."""
    now = int(time.time())
    content = {"iss": "issuer", "aud": ["mqtt", "http"], "sub": "anna", "nbf": now, "exp": now + 600} | changes
    return {name: value for name, value in content.items() if value is not None}


def token(key=EC_KEY, kid: str | None = "ec", headers: dict[str, object] | None = None, **changes: object) -> str:
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return jwt.encode(claims(**changes), key, algorithm, {"kid": kid} | (headers or {}) if kid else headers)


def segment(data: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def documents(**keys: object) -> str:
    return config.render(
        config.node(log={"level": "trace"}),
        config.proxy(rules={"Connect": "auth", "Publish": "publish"}),
        config.pipeline("auth", {"name": "jwt", "kind": "JWTAuth"} | keys),
        config.pipeline("publish", config.kafka_filter(headers=["clientID"])),
    )


@pytest.fixture(scope="module")
def daemon(start_shared_daemon, tmp_path_factory: pytest.TempPathFactory) -> Daemon:
    jwks = tmp_path_factory.mktemp("keys") / "jwks.json"
    unusable = {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "ed"}
    jwks.write_text(json.dumps({"keys": [unusable, jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec")]}))
    return start_shared_daemon(
        documents(jwks=f"file:{jwks}", issuer="issuer", audience="mqtt", usernameClaim="sub", leeway="10s")
    )


def expect_refused(daemon: Daemon, return_code: int, username: str | None, password: str | None) -> None:
    with Client(daemon.address()) as client:
        client.send(mqtt.connect("c", username=username, password=password))
        client.expect(mqtt.connack(return_code))
        client.expect_closed()


@pytest.mark.parametrize(("key", "kid"), [(RSA_KEY, "rsa"), (EC_KEY, "ec")], ids=["RS256", "ES256"])
def test_a_signed_token_is_let_in(daemon: Daemon, key, kid: str) -> None:
    for _ in range(20):  # the form of an ES256 signature differs from token to token
        with connected(daemon.address(), "c", username="anna", password=token(key, kid)) as client:
            client.expect_alive()


def none_token() -> str:
    return f"{segment({'alg': 'none', 'kid': 'ec'})}.{segment(claims())}."


def changed_token() -> str:
    header, _, signature = token().split(".")
    return f"{header}.{segment(claims(sub='root'))}.{signature}"


BAD = {
    "no token": lambda: None,
    "a password": lambda: "password",
    "empty": lambda: "",
    "unsigned": none_token,
    "a secret that is the public key": lambda: jwt.encode(claims(), "x" * 64, "HS256", {"kid": "ec"}),
    "key of the other algorithm": lambda: token(EC_KEY, "rsa"),
    "unknown key": lambda: token(EC_KEY, "other"),
    "no key named": lambda: token(EC_KEY, None),
    "another key": lambda: token(FOREIGN_KEY),
    "changed claims": changed_token,
    "expired": lambda: token(exp=int(time.time()) - 60),
    "never expires": lambda: token(exp=None),
    "not yet valid": lambda: token(nbf=int(time.time()) + 60),
    "critical extension": lambda: token(headers={"crit": ["x"], "x": 1}),
    "longer than 8 KiB": lambda: token(filler="x" * 8192),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_a_bad_token_is_refused_with_4(daemon: Daemon, make) -> None:
    expect_refused(daemon, 4, "anna", make())


def test_a_missing_user_name_and_password_are_refused_with_4(daemon: Daemon) -> None:
    expect_refused(daemon, 4, None, None)


@pytest.mark.parametrize(
    ("username", "changes"),
    [
        pytest.param("otto", {}, id="another user"),
        pytest.param("", {}, id="empty user name"),
        pytest.param("anna", {"sub": None}, id="token without a user"),
        pytest.param("anna", {"iss": "other"}, id="another issuer"),
        pytest.param("anna", {"aud": "http"}, id="another audience"),
    ],
)
def test_a_good_token_of_somebody_else_is_refused_with_5(daemon: Daemon, username: str, changes: dict) -> None:
    expect_refused(daemon, 5, username, token(**changes))


def test_times_have_leeway(daemon: Daemon) -> None:
    early = token(nbf=int(time.time()) + 5)
    connected(daemon.address(), "c", username="anna", password=early).end()


def test_one_key_in_pem(start_daemon, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem(RSA_KEY))
    daemon = start_daemon(documents(publicKey=f"file:{tmp_path}/key.pem"))
    for kid in (None, "any"):
        connected(daemon.address(), "c", username="whoever", password=token(RSA_KEY, kid)).end()
    expect_refused(daemon, 4, "whoever", token(EC_KEY, None))
    inline = start_daemon(documents(publicKey=pem(EC_KEY)))
    connected(inline.address(), "c", username="whoever", password=token(EC_KEY, None)).end()


def test_the_token_as_user_name(start_daemon) -> None:
    daemon = start_daemon(documents(publicKey=pem(EC_KEY), **{"from": "username"}))
    with connected(daemon.address(), "c", username=token()) as client:
        client.send(mqtt.publish("t", b"x", qos=1))
        client.expect(mqtt.puback(1))
    (record,) = read_topic(daemon.embedded_kafka, "uplink")
    assert record.header("clientID") == ["c"]
    assert record.header("username") == []
    expect_refused(daemon, 4, "anna", token())


def test_tokens_never_reach_the_log(start_daemon) -> None:
    daemon = start_daemon(documents(publicKey=pem(EC_KEY), **{"from": "username"}))
    good, bad = token(), token(FOREIGN_KEY)
    connected(daemon.address(), "c", username=good).end()
    expect_refused(daemon, 4, bad, None)
    daemon.wait_metric(2, "mqttproxy_disconnects_total")
    for part in (*good.split("."), *bad.split(".")):
        assert daemon.find_log(part) is None


@pytest.mark.parametrize("content", ["{}", "S3CRET", ""])
def test_check_refuses_a_broken_key_set_and_does_not_repeat_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "jwks.json").write_text(content)
    file = tmp_path / "mqttproxy.yaml"
    file.write_text(documents(jwks="file:jwks.json"))
    done = run("check", file)
    assert done.returncode == 2
    assert "filters[0].jwks: " in done.stderr
    assert "S3CRET" not in done.stderr
