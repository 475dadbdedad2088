"""Many devices in one process: publishers on plain asyncio sockets that come back and resend what is not acknowledged."""

import asyncio
import random
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable

from support import mqtt
from support.delivery import payload
from support.waiting import PATIENCE, wait_until

Address = tuple[str, int]


class Device:
    """Publishes sequence numbers 0..count-1 in order, at most `window` of them without a PUBACK.

    A lost connection is opened again and everything unacknowledged is sent again, in order, with DUP [MQTT-4.4.0-1].
    PUBACKs must come in the order of the PUBLISH packets [MQTT-4.6.0-2]."""

    patient = False  # takes return code 3, server unavailable, for a reason to come again

    def __init__(
        self, client_id: str, topic: str, count: int, window: int = 20, padding: int = 0, pause: float = 0
    ) -> None:
        """`pause`: seconds between one PUBACK and the next message."""
        self.client_id = client_id
        self.acked = 0  # sequences 0..acked-1 have their PUBACK
        self.count = count
        self.connections = 0
        self._topic = topic
        self._window = window
        self._pause = pause
        self._padding = b"|" + b"." * padding if padding else b""
        self._sent = 0

    def _publish(self, sequence: int, dup: bool) -> bytes:
        body = payload(self.client_id, sequence).encode() + self._padding
        return mqtt.publish(self._topic, body, qos=1, packet_id=sequence % 65535 + 1, dup=dup)

    @property
    def finished(self) -> bool:
        return self.acked >= self.count

    def finish_soon(self) -> None:
        """No new message, whatever `count` said."""
        self.count = self.acked

    async def run(self, address: Callable[[], Address]) -> None:
        while not self.finished:
            try:
                reader, writer = await asyncio.open_connection(*address())
            except ConnectionError:
                await asyncio.sleep(0.1)  # a device's pause before it tries again
                continue
            try:
                await self._serve(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.1)
            finally:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._connect(reader, writer)
        unacked = deque(range(self.acked, self._sent))
        writer.write(b"".join(self._publish(sequence, True) for sequence in unacked))
        while not self.finished:
            while self._sent < self.count and len(unacked) < self._window:
                writer.write(self._publish(self._sent, False))
                unacked.append(self._sent)
                self._sent += 1
            await writer.drain()
            await self._take_puback(reader, unacked)
            if self._pause:
                await asyncio.sleep(self._pause)
        writer.write(mqtt.DISCONNECT)
        await writer.drain()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the server knows the session."""
        writer.write(mqtt.connect(self.client_id, clean=False))
        connack = await reader.readexactly(4)
        if self.patient and connack == mqtt.connack(3):
            raise ConnectionRefusedError
        assert connack in (mqtt.connack(0, False), mqtt.connack(0, True)), connack.hex()
        self.connections += 1
        return connack == mqtt.connack(0, True)

    async def _take_puback(self, reader: asyncio.StreamReader, unacked: deque[int]) -> None:
        first_byte, length, packet_id = struct.unpack(">BBH", await reader.readexactly(4))
        assert (first_byte, length) == (0x40, 2), f"{first_byte:02x} is no PUBACK"
        expected = unacked.popleft()
        assert packet_id == expected % 65535 + 1, f"{self.client_id}: PUBACK {packet_id} out of order"
        self.acked = expected + 1


class RestlessDevice(Device):
    """Publishes at QoS 0, 1 and 2 to several topics; its socket is reset again and again until `until` (event loop
    time), then it brings everything to its end.

    Resends by [MQTT-4.4.0-1]: after a reconnect every PUBLISH without PUBACK or PUBREC, and every PUBREL without
    PUBCOMP, in the original order. PUBACK and PUBREC must come in the order of the PUBLISH packets."""

    def __init__(self, client_id: str, topics: list[str], seconds: float, seed: str, window: int = 8) -> None:
        super().__init__(client_id, topics[0], count=0, window=window)
        self.acknowledged: list[int] = []  # by PUBACK or PUBREC: stored, says the server
        self.qos: list[int] = []  # by sequence
        self.resets = 0
        self._topics = topics
        self._seconds = seconds
        self._random = random.Random(f"{seed} {client_id}")
        self._chosen: list[str] = []  # topic by sequence
        self._open: dict[int, bool] = {}  # sequence → has its PUBREC, in the order of the first PUBLISH
        self._finished = False

    def _publish(self, sequence: int, dup: bool) -> bytes:
        body = payload(self.client_id, sequence).encode()
        packet_id = self._packet_id(sequence)
        return mqtt.publish(self._chosen[sequence], body, qos=self.qos[sequence], packet_id=packet_id, dup=dup)

    @staticmethod
    def _packet_id(sequence: int) -> int:
        return sequence % 65535 + 1

    async def run(self, address: Callable[[], Address]) -> None:
        self._until = asyncio.get_running_loop().time() + self._seconds
        while not self._finished:
            try:
                reader, writer = await asyncio.open_connection(*address())
                await self._serve_until_reset(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                await asyncio.sleep(self._random.uniform(0, 0.1))  # a device's pause before it tries again

    async def _serve_until_reset(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        death = loop.call_later(self._random.uniform(0, 3), self._reset, writer) if loop.time() < self._until else None
        try:
            await self._serve(reader, writer)
        finally:
            if death is not None:
                death.cancel()
            writer.close()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        linger_zero = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        writer.transport.abort()
        self.resets += 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(mqtt.connect(self.client_id, clean=False))
        connack = await reader.readexactly(4)
        known = self.connections > 0  # a CONNACK that a reset has swallowed may have come before the first
        assert connack == mqtt.connack(0, True) or (not known and connack == mqtt.connack(0, False)), connack.hex()
        self.connections += 1
        awaited = deque(sequence for sequence, received in self._open.items() if not received)
        for sequence, received in self._open.items():
            writer.write(mqtt.pubrel(self._packet_id(sequence)) if received else self._publish(sequence, True))
        loop = asyncio.get_running_loop()
        while self._open or loop.time() < self._until:
            if loop.time() < self._until and len(self._open) < self._window:
                self._publish_some(writer, awaited)
            await writer.drain()
            if self._open:
                await self._take_answer(reader, writer, awaited)
            await asyncio.sleep(0.01)  # what a device does between two messages
        writer.write(mqtt.DISCONNECT)
        await writer.drain()
        self._finished = True

    def _publish_some(self, writer: asyncio.StreamWriter, awaited: deque[int]) -> None:
        for _ in range(self._random.randint(1, self._window)):
            sequence = len(self.qos)
            self.qos.append(self._random.randint(0, 2))
            self._chosen.append(self._random.choice(self._topics))
            writer.write(self._publish(sequence, False))
            if self.qos[sequence] > 0:
                self._open[sequence] = False
                awaited.append(sequence)

    async def _take_answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, awaited: deque[int]
    ) -> None:
        first_byte, length, packet_id = struct.unpack(">BBH", await reader.readexactly(4))
        assert length == 2
        if first_byte == 0x70:
            completed = next(sequence for sequence in self._open if self._packet_id(sequence) == packet_id)
            assert self._open.pop(completed), f"{self.client_id}: PUBCOMP {packet_id} before PUBREC"
            return
        sequence = awaited.popleft()
        assert packet_id == self._packet_id(sequence), f"{self.client_id}: {first_byte:02x} {packet_id} out of order"
        assert first_byte == (0x40 if self.qos[sequence] == 1 else 0x50), (
            f"{first_byte:02x} at QoS {self.qos[sequence]}"
        )
        self.acknowledged.append(sequence)
        if self.qos[sequence] == 1:
            del self._open[sequence]
        else:
            self._open[sequence] = True
            writer.write(mqtt.pubrel(packet_id))


class Fleet:
    """Runs devices on an event loop of their own, beside the test. `address` is asked at every connection, so a daemon
    that comes back elsewhere is found."""

    def __init__(self, devices: list[Device], address: Callable[[], Address]) -> None:
        self.devices = devices
        self._address = address
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Fleet":
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as failure:
            self._failure = failure

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for device in self.devices:
                group.create_task(device.run(self._address))

    @property
    def total_acked(self) -> int:
        return sum(device.acked for device in self.devices)

    @property
    def total(self) -> int:
        return sum(device.count for device in self.devices)

    def acked(self) -> dict[str, range]:
        return {device.client_id: range(device.acked) for device in self.devices}

    def wait_until(self, what: str, probe: Callable[[], bool]) -> None:
        def reached() -> bool:
            if self._failure:
                raise self._failure
            return probe()

        wait_until(what, reached, pause=0.01)

    def wait_acked(self, count: int) -> None:
        self.wait_until(f"{count} messages are acknowledged", lambda: self.total_acked >= count)

    def finish(self) -> None:
        """Every device has every PUBACK."""
        self._thread.join(2 * PATIENCE)
        if self._failure:
            raise self._failure
        assert not self._thread.is_alive(), f"{self.total_acked} of {self.total} messages acknowledged"
