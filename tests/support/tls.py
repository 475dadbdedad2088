"""Certificates made for one test run, and an MQTT client over TLS."""

import datetime
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.mqtt import Client
from support.waiting import PATIENCE

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """PEM files, and what is in them."""

    cert_file: Path
    key_file: Path

    @property
    def cert(self) -> str:
        return self.cert_file.read_text()

    @property
    def key(self) -> str:
        return self.key_file.read_text()

    def files(self, name: str = "server") -> dict[str, str]:
        """An entry of `certificate`."""
        return {"name": name, "certFile": str(self.cert_file), "keyFile": str(self.key_file)}

    def inline(self, name: str = "server") -> dict[str, str]:
        return {"name": name, "cert": self.cert, "key": self.key}


def _name(common_name: str | None) -> x509.Name:
    return x509.Name([] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Authority:
    """Signs certificates. Without an issuer it is a root."""

    def __init__(self, directory: Path, name: str, issuer: "Authority | None" = None) -> None:
        self._directory = directory
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._issued = 0
        signer = issuer or self
        builder = self._builder(self._name, signer, self._key, days=(-1, 30))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(builder.sign(signer._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    @staticmethod
    def _builder(
        subject: x509.Name, signer: "Authority", key: ec.EllipticCurvePrivateKey, days: tuple[int, int]
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(signer._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
        )

    def issue(
        self,
        common_name: str | None = None,
        names: Sequence[x509.GeneralName] = (),
        days: tuple[int, int] = (-1, 30),
        password: bytes | None = None,
    ) -> Certificate:
        """A certificate with an ECDSA key, valid from the first to the second of `days` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(common_name), self, key, days)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=common_name is None)
        self._issued += 1
        stem = self._directory / f"{self.file.stem}-{self._issued}"
        certificate = Certificate(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        signed = builder.sign(self._key, hashes.SHA256())
        certificate.cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        encryption = (
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        )
        certificate.key_file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        )
        return certificate

    def server(self, *dns_names: str) -> Certificate:
        return self.issue(dns_names[0], [x509.DNSName(name) for name in dns_names])

    def client_context(
        self, certificate: Certificate | None = None, version: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        """A client that trusts this authority, and shows a certificate if it is given one."""
        context = ssl.create_default_context(cafile=str(self.file))
        if certificate:
            context.load_cert_chain(certificate.cert_file, certificate.key_file)
        if version:
            context.minimum_version = context.maximum_version = version
        return context


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
