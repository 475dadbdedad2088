"""Configuration documents as Python dicts. JSON is YAML, so rendering them takes no YAML library."""

import json
from typing import Any

Document = dict[str, Any]

# sha256("salt" + "test"), the hash of the published example for user test, password test.
TEST_USER = {"username": "test", "saltedSha256Pass": "1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74"}

# The published topic mapping example, correctly nested.
DEVICE_ROUTE = [
    {"topic": "iot_phone", "exprs": ["iphone", "xiaomi", "oppo", "pixel"]},
    {"topic": "iot_other", "exprs": [".*"]},
]
PUBLISHED_MAPPER: Document = {
    "name": "topic-mapper",
    "kind": "TopicMapper",
    "setKV": {"topic": "kafka-topic", "headers": "kafka-headers"},
    "matchIndex": 0,
    "route": [{"name": "gateway", "matchExpr": "gate*"}, {"name": "direct", "matchExpr": "dir*"}],
    "policies": [
        {
            "name": "direct",
            "topicIndex": 1,
            "route": DEVICE_ROUTE,
            "headers": {0: "direct", 1: "device", 2: "status"},
        },
        {
            "name": "gateway",
            "topicIndex": 3,
            "route": DEVICE_ROUTE,
            "headers": {0: "gateway", 1: "gatewayID", 2: "device", 3: "status"},
        },
    ],
}
# The Kafka filter's side of `setKV`.
MAPPED = {"topicKey": "kafka-topic", "headerKey": "kafka-headers"}


def render(*documents: Document) -> str:
    return "\n---\n".join(json.dumps(document, indent=2) for document in documents) + "\n"


def node(**keys: Any) -> Document:
    return {"kind": "Node", "name": "test", "threads": 2, "api": {"address": "127.0.0.1:0"}} | keys


def proxy(name: str = "mqttproxy", rules: dict[str, str] | None = None, **keys: Any) -> Document:
    """An MQTTProxy on a port of the system's choice; `rules` maps packet types to pipelines."""
    return {
        "kind": "MQTTProxy",
        "name": name,
        "address": "127.0.0.1",
        "port": 0,
        "rules": [
            {"when": {"packetType": packet_type}, "pipeline": pipeline}
            for packet_type, pipeline in (rules or {"Publish": "publish"}).items()
        ],
    } | keys


def pipeline(name: str, *filters: Document, **keys: Any) -> Document:
    return {"kind": "Pipeline", "name": name, "filters": list(filters)} | keys


def kafka_filter(backend: str = "embedded", topic: str | None = "uplink", **keys: Any) -> Document:
    document = {"kind": "Kafka", "name": "kafka", "backend": [backend]} | keys
    if topic is not None:
        document = {"topic": {"default": topic}} | document
    return document


def auth_filter(*users: Document, salt: str = "salt", **keys: Any) -> Document:
    return {"kind": "MQTTClientAuth", "name": "auth", "salt": salt, "auth": list(users) or [TEST_USER]} | keys


def simple(backend: str = "embedded", kafka: Document | None = None, **node_keys: Any) -> str:
    """One proxy, no authentication, everything into one topic: `uplink` unless `kafka` says otherwise."""
    return render(node(**node_keys), proxy(), pipeline("publish", kafka_filter(backend, **(kafka or {}))))
