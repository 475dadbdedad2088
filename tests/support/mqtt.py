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


def suback(packet_id: int, *codes: int) -> bytes:
    return packet(0x90, struct.pack(">H", packet_id) + bytes(codes))


def unsuback(packet_id: int) -> bytes:
    return packet(0xB0, struct.pack(">H", packet_id))


def unsubscribe(packet_id: int, *filters: str) -> bytes:
    return packet(0xA2, struct.pack(">H", packet_id) + b"".join(map(text, filters)))


def connack(return_code: int = 0, session_present: bool = False) -> bytes:
    return bytes([0x20, 2, session_present, return_code])


@dataclass(frozen=True)
class Message:
    """A PUBLISH that has come from the server."""

    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int = 0
    dup: bool = False
    retain: bool = False

    def __str__(self) -> str:
        return f"{self.topic}={self.payload!r} qos={self.qos} id={self.packet_id} dup={self.dup}"


def message(first_byte: int, body: bytes) -> Message:
    """What a packet holds that must be a PUBLISH."""
    assert first_byte >> 4 == 3, f"no PUBLISH: {first_byte:02x} {body.hex()}"
    qos = first_byte >> 1 & 3
    end = 2 + int.from_bytes(body[:2])
    packet_id = int.from_bytes(body[end : end + 2]) if qos else 0
    payload = body[end + 2 :] if qos else body[end:]
    return Message(body[2:end].decode(), payload, qos, packet_id, bool(first_byte & 8), bool(first_byte & 1))


class Client:
    """A TCP connection that checks what comes back byte by byte."""

    def __init__(
        self,
        address: tuple[str, int],
        receive_buffer: int | None = None,
        segment: int | None = None,
        source: str = "",
    ) -> None:
        """`segment`: the largest TCP segment; on loopback it is what bounds the server's send buffer at first.
        `source`: the address to come from."""
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        if segment is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
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

    def receive_packet(self) -> tuple[int, bytes]:
        """First byte and body of the next packet."""
        first_byte = self.receive(1)
        assert first_byte, "the connection has ended"
        length = shift = 0
        while True:
            (digit,) = self.receive(1)
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                return first_byte[0], self.receive(length)

    def receive_message(self) -> Message:
        """The next packet, which must be a PUBLISH."""
        return message(*self.receive_packet())

    def take(self, count: int = 1) -> list[Message]:
        """Receives that many messages and acknowledges those with QoS 1."""
        messages = []
        for _ in range(count):
            messages.append(self.receive_message())
            if messages[-1].qos:
                self.send(puback(messages[-1].packet_id))
        return messages

    def expect_message(self, topic: str, payload: bytes, qos: int = 0) -> None:
        (message,) = self.take()
        received = (message.topic, message.payload, message.qos, message.dup, message.retain)
        assert received == (topic, payload, qos, False, False), message

    def subscribe(self, *requests: tuple[str, int], packet_id: int = 1) -> "Client":
        """Every filter is granted what it asks for, QoS 2 as 1."""
        self.send(subscribe(packet_id, *requests))
        self.expect(suback(packet_id, *(min(qos, 1) for _, qos in requests)))
        return self

    def expect(self, *packets: bytes) -> None:
        expected = b"".join(packets)
        received = self.receive(len(expected))
        assert received == expected, f"received {received.hex()}, expected {expected.hex()}"

    def expect_closed(self) -> None:
        """The server ends the connection, and says nothing before."""
        received = self.receive(1)
        assert received == b"", f"expected the end of the connection, not {received.hex()}"

    def expect_end(self) -> None:
        """The server ends the connection, whatever it says before."""
        while self.receive(1):
            pass

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
