"""Subscribers written by others: each client library behind one small interface."""

import base64
import json
import os
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import paho.mqtt.client as paho
import pytest

from support.mqtt import Message
from support.waiting import PATIENCE, wait_until

FOLDER = Path(__file__).resolve().parent
MQTT_JS = FOLDER.parents[1] / "build/mqtt.js/node_modules/mqtt"

Address = tuple[str, int]


class Subscriber(Protocol):
    """Connected and subscribed once it is made."""

    def receive(self) -> Message: ...
    def close(self) -> None:
        """Ends the connection with DISCONNECT; a persistent session stays."""


Start = Callable[..., Subscriber]


class PahoSubscriber:
    def __init__(self, address: Address, client_id: str, *requests: tuple[str, int], clean: bool = True) -> None:
        self._messages: queue.Queue[Message] = queue.Queue()
        self._granted: list[int] | None = None
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean)
        self._client.on_message = lambda _client, _data, m: self._messages.put(
            Message(m.topic, m.payload, m.qos, 0, m.dup, m.retain)
        )
        self._client.on_subscribe = self._on_subscribe
        self._client.connect(*address, keepalive=60)
        self._client.loop_start()
        wait_until(f"{client_id} is connected", self._client.is_connected)
        if requests:
            self._client.subscribe(list(requests))
            granted = wait_until(f"{client_id} is subscribed", lambda: self._granted)
            assert granted == [min(qos, 1) for _, qos in requests]

    def _on_subscribe(self, _client, _data, _mid, reason_codes, _properties) -> None:
        self._granted = [code.value for code in reason_codes]

    def receive(self) -> Message:
        return self._messages.get(timeout=PATIENCE)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class ProcessSubscriber:
    """A client that is a program: one line of JSON for each message."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | (env or {}),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self._lines.get(timeout=PATIENCE)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        self._reader.join(PATIENCE)


class MqttJsSubscriber(ProcessSubscriber):
    def __init__(self, address: Address, client_id: str, *requests: tuple[str, int], clean: bool = True) -> None:
        arguments = [address[0], str(address[1]), client_id, str(clean).lower()]
        arguments += [f"{topic_filter}={qos}" for topic_filter, qos in requests]
        super().__init__(["node", str(FOLDER / "subscriber.js"), *arguments], {"MQTT_JS": str(MQTT_JS)})
        assert self.line().startswith("connected")
        if requests:
            assert self.line() == "granted " + ",".join(str(min(qos, 1)) for _, qos in requests)

    def receive(self) -> Message:
        fields = json.loads(self.line())
        payload = base64.b64decode(fields["payload"])
        return Message(fields["topic"], payload, fields["qos"], 0, fields["dup"], fields["retain"])


class MosquittoSubscriber(ProcessSubscriber):
    """mosquitto_sub has one QoS for all its filters: the highest asked for."""

    def __init__(self, address: Address, client_id: str, *requests: tuple[str, int], clean: bool = True) -> None:
        command = ["mosquitto_sub", "-h", address[0], "-p", str(address[1]), "-i", client_id, "-d"]
        command += ["-F", "MESSAGE %q %r %x %t"] + ([] if clean else ["-c"])
        command += ["-q", str(max((qos for _, qos in requests), default=1))]
        for topic_filter, _ in requests or [("nothing else", 0)]:
            command += ["-t", topic_filter]
        super().__init__(["stdbuf", "-oL", *command])
        self._early: deque[str] = deque()  # a resumed session's messages come before its SUBACK
        while "SUBACK" not in (line := self.line()):
            if line.startswith("MESSAGE "):
                self._early.append(line)

    def receive(self) -> Message:
        line = self._early.popleft() if self._early else self.line()
        while not line.startswith("MESSAGE "):
            line = self.line()
        _, qos, retain, payload, topic = line.split(" ", 4)
        return Message(topic, bytes.fromhex(payload), int(qos), 0, False, retain == "1")

    def close(self) -> None:
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0
        self._reader.join(PATIENCE)


LIBRARIES = {"paho": PahoSubscriber, "mqtt.js": MqttJsSubscriber, "mosquitto_sub": MosquittoSubscriber}


@pytest.fixture(params=LIBRARIES)
def subscriber(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts subscribers on one client library after the other."""
    started: list[Subscriber] = []

    def start(*arguments: object, **options: object) -> Subscriber:
        started.append(LIBRARIES[request.param](*arguments, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Start:
    return LIBRARIES[request.param]
