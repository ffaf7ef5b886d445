"""TLS for the databases of the tests: a certificate authority, and a TLS front for PostgreSQL.

The embedded PostgreSQL is built without TLS, so a proxy before it speaks it.
"""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"
# PostgreSQL's SSLRequest: its length and its code; the answer S means yes.
_SSL_REQUEST = bytes.fromhex("00000008 04d2162f")
# Python refuses an authority whose certificate does not say so.
_MAY_SIGN = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test's own, and the certificate of a server."""

    ca_file: Path
    server_file: Path

    @classmethod
    def create(cls, folder: Path, name: str, host: str = LOOPBACK, *, days: int = 1) -> "Authority":
        """Writes `<name>-ca.crt` and `<name>-server.pem` (key and certificate).

        The server's certificate is good for `days` from now; a negative number: it has expired.
        """
        ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} test authority")])
        server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        ca = _certificate(ca_name, ca_key, ca_name, ca_key, host=None, days=1)
        server = _certificate(server_name, server_key, ca_name, ca_key, host=host, days=days)
        authority = cls(folder / f"{name}-ca.crt", folder / f"{name}-server.pem")
        authority.ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
        private = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        authority.server_file.write_bytes(private + server.public_bytes(Encoding.PEM))
        return authority

    def server_context(self) -> ssl.SSLContext:
        """For a server that shows the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file)
        return context


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    host: str | None,
    days: int,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if host is None:
        builder = builder.add_extension(_MAY_SIGN, critical=True)
    else:
        names = x509.SubjectAlternativeName([_general_name(host)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@contextlib.contextmanager
def postgres_front(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """The port on which the PostgreSQL at `port` is reached by TLS, and by nothing else."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, port, context), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        # Closing alone would not wake the thread that waits for the next client.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listener: socket.socket, port: int, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_forward, args=(client, port, context), daemon=True).start()


def _forward(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError), client:
        if client.recv(len(_SSL_REQUEST), socket.MSG_WAITALL) != _SSL_REQUEST:
            return
        client.sendall(b"S")
        with (
            context.wrap_socket(client, server_side=True) as front,
            socket.create_connection((LOOPBACK, port)) as server,
        ):
            back = threading.Thread(target=_pump, args=(server, front), daemon=True)
            back.start()
            _pump(front, server)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
