"""Messages for devices, through whatever happens to the nodes: a backend that repeats, devices that come back."""

import asyncio
import http.client
import itertools
import threading
from collections.abc import Callable

from support import mqtt
from support.backend import Backend, message
from support.daemon import Daemon
from support.fleet import Device
from support.waiting import PATIENCE, wait_until

END = "end"


class Publisher:
    """Posts rounds: to each of `topics` one message with the round's number. A round counts once a node has answered it
    with 200; until then it is posted again, to one of `nodes()` after the other. The last message is END."""

    def __init__(self, nodes: Callable[[], list[Daemon]], topics: list[str], pause: float = 0.02) -> None:
        self.rounds = 0  # answered with 200
        self._nodes = nodes
        self._topics = topics
        self._pause = pause
        self._turn = itertools.count()
        self._backend: Backend | None = None
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Publisher":
        self._thread.start()
        return self

    def wait_rounds(self, more: int) -> None:
        wanted = self.rounds + more
        wait_until(f"{wanted} rounds are published", lambda: self.rounds >= wanted or self._failure)
        self._check()

    def finish(self) -> int:
        """How many rounds every subscriber has to have before END."""
        self._stopping.set()
        self._thread.join(2 * PATIENCE)
        self._check()
        assert not self._thread.is_alive()
        return self.rounds

    def _check(self) -> None:
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._pause):
                self._post(str(self.rounds))
                self.rounds += 1
            self._post(END)
        except BaseException as failure:
            self._failure = failure
        finally:
            self._leave()

    def _post(self, payload: str) -> None:
        batch = [message(topic, payload, qos=1) for topic in self._topics]
        wait_until("a node takes the round", lambda: self._accepted(batch))

    def _accepted(self, batch: list[dict[str, object]]) -> bool:
        try:
            if self._backend is None:
                nodes = self._nodes()
                self._backend = Backend(nodes[next(self._turn) % len(nodes)])
            if self._backend.post(batch).status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass  # dead, or dying
        self._leave()
        return False

    def _leave(self) -> None:
        if self._backend is not None:
            self._backend.__exit__()
            self._backend = None


class Subscriber(Device):
    """A client with clean session 0 and one QoS 1 subscription that comes back whenever its connection is lost, until
    it has END on `topic`. Once its subscription is acknowledged, every CONNACK must say that its session is present."""

    patient = True

    def __init__(self, client_id: str, topic: str, hesitant: bool = False, stay: int | None = None) -> None:
        """`hesitant`: acknowledges no message on its first connection. `stay`: leaves every connection, without
        DISCONNECT, after that many messages."""
        super().__init__(client_id, topic, count=0)
        self.received: list[int] = []  # numbers, repetitions included
        self.subscribed = False
        self._hesitant = hesitant
        self._stay = stay
        self._ended = False

    @property
    def finished(self) -> bool:
        return self._ended

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        present = await self._connect(reader, writer)
        assert present or not self.subscribed, f"{self.client_id}: its session is lost"
        if not self.subscribed:
            writer.write(mqtt.subscribe(1, (self._topic, 1)))
        taken = 0
        while not self.finished:
            if taken == self._stay:
                return
            first_byte, body = await _packet(reader)
            if first_byte >> 4 == 9:
                assert body == b"\x00\x01\x01", f"{self.client_id}: SUBACK {body.hex()}"
                self.subscribed = True
                continue
            self._take(writer, mqtt.message(first_byte, body))
            taken += 1
            await writer.drain()
        writer.write(mqtt.DISCONNECT)
        await writer.drain()

    def _take(self, writer: asyncio.StreamWriter, received: mqtt.Message) -> None:
        if not self._hesitant or self.connections > 1:
            writer.write(mqtt.puback(received.packet_id))
        if received.payload.decode() == END:
            self._ended = True
        else:
            self.received.append(int(received.payload))

    def assert_complete(self, rounds: int) -> None:
        """Nothing is missing, and first occurrences rise."""
        firsts = list(dict.fromkeys(self.received))
        missing = sorted(set(range(rounds)) - set(firsts))
        assert not missing, f"{self.client_id} misses {len(missing)} of {rounds}, the first {missing[:5]}"
        assert firsts == sorted(firsts), f"{self.client_id} out of order"


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first_byte = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        (digit,) = await reader.readexactly(1)
        length |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            return first_byte, await reader.readexactly(length)
