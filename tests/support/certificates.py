"""Authorities of the tests' own and what they sign, as PEM files."""

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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

    @property
    def expiry(self) -> datetime.datetime:
        return x509.load_pem_x509_certificate(self.cert_file.read_bytes()).not_valid_after_utc

    def files(self, name: str = "server") -> dict[str, str]:
        """An entry of `certificate`."""
        return {"name": name, "certFile": str(self.cert_file), "keyFile": str(self.key_file)}

    def inline(self, name: str = "server") -> dict[str, str]:
        return {"name": name, "cert": self.cert, "key": self.key}


def _name(common_name: str | None) -> x509.Name:
    return x509.Name([] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Authority:
    """Signs certificates. Without an issuer it is a root."""

    def __init__(self, directory: Path, name: str = "authority", issuer: "Authority | None" = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
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
        use: x509.ObjectIdentifier | None = None,
    ) -> Certificate:
        """A certificate with an ECDSA key, valid from the first to the second of `days` from now; for any use, unless it
        is given one."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(common_name), self, key, days)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=common_name is None)
        if use:
            builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
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
        """For localhost, or these names; and for 127.0.0.1."""
        names = dns_names or ("localhost",)
        places = [*map(x509.DNSName, names), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return self.issue(names[0], places, use=ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, name: str = "client") -> Certificate:
        return self.issue(name, [x509.DNSName(name)], use=ExtendedKeyUsageOID.CLIENT_AUTH)

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
