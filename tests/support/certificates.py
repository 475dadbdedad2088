"""Authorities of the tests' own and what they sign, as PEM files."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Identity:
    certificate: Path
    key: Path

    @property
    def expiry(self) -> datetime:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).not_valid_after_utc


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates for servers on 127.0.0.1, and for clients. Its own is the file `certificate`."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self.certificate = self._write(f"{name}.pem", builder.sign(self._key, hashes.SHA256()))

    def server(self, name: str = "server") -> Identity:
        places = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self._sign(name, ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(places))

    def client(self, name: str = "client") -> Identity:
        return self._sign(name, ExtendedKeyUsageOID.CLIENT_AUTH, x509.SubjectAlternativeName([x509.DNSName(name)]))

    def trusting(self, client: Identity | None = None) -> ssl.SSLContext:
        """What a client uses that trusts this authority, and shows a certificate of `client`."""
        context = ssl.create_default_context(cafile=self.certificate)
        if client:
            context.load_cert_chain(client.certificate, client.key)
        return context

    def _builder(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
        )

    def _sign(self, name: str, use: x509.ObjectIdentifier, places: x509.SubjectAlternativeName) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(name, key).add_extension(places, False)
        signed = builder.add_extension(x509.ExtendedKeyUsage([use]), False).sign(self._key, hashes.SHA256())
        key_file = self._directory / f"{self._name}-{name}-key.pem"
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Identity(self._write(f"{self._name}-{name}.pem", signed), key_file)

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        file = self._directory / name
        file.write_bytes(certificate.public_bytes(Encoding.PEM))
        return file
