"""A certificate authority of the tests' own."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Certificates on demand."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("tests' authority")
        self.ca_file = str(folder / "ca.pem")
        Path(self.ca_file).write_bytes(_pem(self._sign(self._name, self._key, [], _days(-1), _days(9), ca=True)))

    def certificate(self, *hosts: str, until: dt.datetime) -> x509.Certificate:
        return self._sign(_name("server"), self._key, list(hosts), until - dt.timedelta(days=999), until)

    def server(
        self,
        *hosts: str,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ) -> ssl.SSLContext:
        """A server's context with a certificate of ours for these hosts; without hosts one signed by itself."""
        file = self.file(*hosts, since=since, until=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        context.maximum_version = version
        return context

    def file(self, *hosts: str, since: dt.datetime | None = None, until: dt.datetime | None = None) -> Path:
        """A certificate of ours for these hosts with its key; without hosts one signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name("server"), key, list(hosts), since or _days(-9), until or _days(5))
        file = self._folder / f"{len(list(self._folder.iterdir()))}.pem"
        file.write_bytes(_pem(certificate) + _private(key))
        return file

    def _sign(self, subject, key, hosts, begin, end, *, ca=False) -> x509.Certificate:
        by_itself = not hosts and not ca
        names = x509.SubjectAlternativeName([_host(host) for host in hosts or ["localhost"]])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if by_itself else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(key if by_itself else self._key, hashes.SHA256())
        )


def _days(count: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=count)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
