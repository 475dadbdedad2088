"""MQTT 3.1.1 on the level of bytes: packets as the specification writes them, and a client that sends anything."""

import socket
import struct
from dataclasses import dataclass

from support.waiting import PATIENCE

PINGREQ = bytes.fromhex("c000")
PINGRESP = bytes.fromhex("d000")
DISCONNECT = bytes.fromhex("e000")


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def remaining_length(length: int) -> bytes:
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


def packet(first_byte: int, body: bytes) -> bytes:
    return bytes([first_byte]) + remaining_length(len(body)) + body


@dataclass(frozen=True)
class Will:
    topic: str
    message: bytes
    qos: int = 0
    retain: bool = False


def connect(
    client_id: str = "client",
    *,
    clean: bool = True,
    keep_alive: int = 0,
    username: str | None = None,
    password: str | None = None,
    will: Will | None = None,
    protocol: str = "MQTT",
    level: int = 4,
) -> bytes:
    flags = clean << 1
    tail = text(client_id)
    if will:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        tail += text(will.topic) + text(will.message)
    if username is not None:
        flags |= 0x80
        tail += text(username)
    if password is not None:
        flags |= 0x40
        tail += text(password)
    return packet(0x10, text(protocol) + bytes([level, flags]) + struct.pack(">H", keep_alive) + tail)


def publish(
    topic: str, payload: bytes = b"", *, qos: int = 0, packet_id: int = 1, retain: bool = False, dup: bool = False
) -> bytes:
    identifier = struct.pack(">H", packet_id) if qos else b""
    return packet(0x30 | dup << 3 | qos << 1 | retain, text(topic) + identifier + payload)


def _acknowledgement(first_byte: int, packet_id: int) -> bytes:
    return packet(first_byte, struct.pack(">H", packet_id))


def puback(packet_id: int) -> bytes:
    return _acknowledgement(0x40, packet_id)


def pubrec(packet_id: int) -> bytes:
    return _acknowledgement(0x50, packet_id)


def pubrel(packet_id: int) -> bytes:
    return _acknowledgement(0x62, packet_id)


def pubcomp(packet_id: int) -> bytes:
    return _acknowledgement(0x70, packet_id)


def subscribe(packet_id: int, *requests: tuple[str, int]) -> bytes:
    body = b"".join(text(topic_filter) + bytes([qos]) for topic_filter, qos in requests)
    return packet(0x82, struct.pack(">H", packet_id) + body)


def unsubscribe(packet_id: int, *filters: str) -> bytes:
    return packet(0xA2, struct.pack(">H", packet_id) + b"".join(map(text, filters)))


def connack(return_code: int = 0, session_present: bool = False) -> bytes:
    return bytes([0x20, 2, session_present, return_code])


class Client:
    """A TCP connection that checks what comes back byte by byte."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *packets: bytes) -> None:
        self.socket.sendall(b"".join(packets))

    def receive(self, size: int) -> bytes:
        """Exactly `size` bytes; fewer when the connection ends before."""
        data = b""
        while len(data) < size:
            try:
                chunk = self.socket.recv(size - len(data))
            except ConnectionResetError:
                break
            if not chunk:
                break
            data += chunk
        return data

    def expect(self, *packets: bytes) -> None:
        expected = b"".join(packets)
        received = self.receive(len(expected))
        assert received == expected, f"received {received.hex()}, expected {expected.hex()}"

    def expect_closed(self) -> None:
        """The server ends the connection, and says nothing before."""
        received = self.receive(1)
        assert received == b"", f"expected the end of the connection, not {received.hex()}"

    def expect_alive(self) -> None:
        self.send(PINGREQ)
        self.expect(PINGRESP)

    def connect(self, client_id: str = "client", *, session_present: bool = False, **keys: object) -> "Client":
        self.send(connect(client_id, **keys))
        self.expect(connack(0, session_present))
        return self

    def end(self) -> None:
        """DISCONNECT, and the server closes [MQTT-3.14.4-1]."""
        self.send(DISCONNECT)
        self.expect_closed()


def connected(address: tuple[str, int], client_id: str = "client", **keys: object) -> Client:
    return Client(address).connect(client_id, **keys)
