"""An MQTT client over TLS."""

import socket
import ssl

from support.mqtt import Client
from support.waiting import PATIENCE


class TlsClient(Client):
    """An MQTT client over TLS; `before` is sent in the clear, in one segment with the ClientHello."""

    socket: ssl.SSLSocket

    def __init__(
        self,
        address: tuple[str, int],
        context: ssl.SSLContext,
        server_name: str = "localhost",
        session: ssl.SSLSession | None = None,
        receive_buffer: int | None = None,
        before: bytes = b"",
    ) -> None:
        super().__init__(address, receive_buffer)
        raw = self.socket
        if before:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            raw.sendall(before)
        try:
            self.socket = context.wrap_socket(
                raw, server_hostname=server_name, session=session, do_handshake_on_connect=not before
            )
            if before:  # the ClientHello fills no segment: it leaves with the cork
                self.socket.setblocking(False)
                with_cork(self.socket)
                self.socket.settimeout(PATIENCE)
                self.socket.do_handshake()
        except BaseException:
            raw.close()
            self.socket.close()
            raise

    def server_certificate(self) -> bytes:
        certificate = self.socket.getpeercert(binary_form=True)
        assert certificate
        return certificate


def with_cork(sock: ssl.SSLSocket) -> None:
    """Writes the ClientHello behind what is corked already, and lets both go."""
    try:
        sock.do_handshake()
    except ssl.SSLWantReadError:
        pass
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


def tls_connected(address: tuple[str, int], context: ssl.SSLContext, client_id: str = "client", **keys: object):
    return TlsClient(address, context).connect(client_id, **keys)


class Records:
    """A TLS client without a socket: what the protocol wants to send can be cut into any pieces."""

    def __init__(self, context: ssl.SSLContext, server_name: str = "localhost") -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    def handshake(self, sock: socket.socket, piece: int = 1 << 20) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush(sock, piece)
                self._feed(sock)
            else:
                return self.flush(sock, piece)

    def flush(self, sock: socket.socket, piece: int = 1 << 20) -> None:
        """Sends what is due, `piece` bytes at a time."""
        data = self._outgoing.read()
        for start in range(0, len(data), piece):
            sock.sendall(data[start : start + piece])

    def record(self, data: bytes) -> bytes:
        """`data` as the bytes of one record (of several, above 16 KiB)."""
        self._tls.write(data)
        return self._outgoing.read()

    def close_notify(self) -> bytes:
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()

    def receive(self, sock: socket.socket, size: int, ragged: bool = True) -> bytes:
        """Exactly `size` bytes, or fewer where the server closes; `ragged`: also without close_notify."""
        data = b""
        while len(data) < size:
            try:
                chunk = self._tls.read(size - len(data))
            except ssl.SSLWantReadError:
                self._feed(sock)
                continue
            except ssl.SSLZeroReturnError:
                break
            except ssl.SSLEOFError:
                if not ragged:
                    raise
                break
            if not chunk:
                break
            data += chunk
        return data

    def _feed(self, sock: socket.socket) -> None:
        data = sock.recv(1 << 16)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
