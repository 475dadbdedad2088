"""Many devices in one process: QoS 1 publishers on plain asyncio sockets that come back and resend what has no PUBACK."""

import asyncio
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

    def __init__(self, client_id: str, topic: str, count: int, window: int = 20, padding: int = 0) -> None:
        self.client_id = client_id
        self.acked = 0  # sequences 0..acked-1 have their PUBACK
        self.count = count
        self.connections = 0
        self._topic = topic
        self._window = window
        self._padding = b"|" + b"." * padding if padding else b""
        self._sent = 0

    def _publish(self, sequence: int, dup: bool) -> bytes:
        body = payload(self.client_id, sequence).encode() + self._padding
        return mqtt.publish(self._topic, body, qos=1, packet_id=sequence % 65535 + 1, dup=dup)

    async def run(self, address: Callable[[], Address]) -> None:
        while self.acked < self.count:
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
        writer.write(mqtt.connect(self.client_id, clean=False))
        connack = await reader.readexactly(4)
        assert connack in (mqtt.connack(0, False), mqtt.connack(0, True)), connack.hex()
        self.connections += 1
        unacked = deque(range(self.acked, self._sent))
        writer.write(b"".join(self._publish(sequence, True) for sequence in unacked))
        while self.acked < self.count:
            while self._sent < self.count and len(unacked) < self._window:
                writer.write(self._publish(self._sent, False))
                unacked.append(self._sent)
                self._sent += 1
            await writer.drain()
            await self._take_puback(reader, unacked)
        writer.write(mqtt.DISCONNECT)
        await writer.drain()

    async def _take_puback(self, reader: asyncio.StreamReader, unacked: deque[int]) -> None:
        first_byte, length, packet_id = struct.unpack(">BBH", await reader.readexactly(4))
        assert (first_byte, length) == (0x40, 2), f"{first_byte:02x} is no PUBACK"
        expected = unacked.popleft()
        assert packet_id == expected % 65535 + 1, f"{self.client_id}: PUBACK {packet_id} out of order"
        self.acked = expected + 1


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

    def wait_acked(self, count: int) -> None:
        def reached() -> bool:
            if self._failure:
                raise self._failure
            return self.total_acked >= count

        wait_until(f"{count} messages are acknowledged", reached, pause=0.01)

    def finish(self) -> None:
        """Every device has every PUBACK."""
        self._thread.join(2 * PATIENCE)
        if self._failure:
            raise self._failure
        assert not self._thread.is_alive(), f"{self.total_acked} of {self.total} messages acknowledged"
