"""Logging in and talking: both generations of the protocol, plain and TLS."""

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import oracledb
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oracle_standin import OracleStandin
from support.standin import Behind, connect

VERSIONS = {"19c": "19.22.0.0.0", "23ai": "23.6.0.0.0"}


@pytest.fixture(scope="module", params=VERSIONS)
def server(behind: Behind, request: pytest.FixtureRequest) -> Iterator[OracleStandin]:
    """A stand-in of each generation, over the same rows."""
    behind.execute(
        "CREATE SCHEMA IF NOT EXISTS apps",
        "DROP TABLE IF EXISTS apps.t",
        "CREATE TABLE apps.t (n numeric, s text)",
        "INSERT INTO apps.t SELECT i, repeat(chr(97 + i % 26), i % 300)"
        " FROM generate_series(1, 3000) i",
    )
    with OracleStandin(behind.url, protocol=request.param) as standin:
        yield standin


def test_each_generation_says_its_version(
    connection: oracledb.Connection, server: OracleStandin, request: pytest.FixtureRequest
) -> None:
    assert connection.version in VERSIONS.values()
    assert connection.version.startswith(server.generation.banner.split()[1][:2])
    assert connection.thin
    connection.ping()


@pytest.mark.parametrize("sdu", [512, 8192, 1 << 20])
@pytest.mark.parametrize("arraysize", [1, 7, 1000, 5000])
def test_rows_are_the_same_in_packets_and_fetches_of_any_size(
    server: OracleStandin, sdu: int, arraysize: int
) -> None:
    with connect(server, sdu=sdu) as connection, connection.cursor() as cursor:
        cursor.arraysize = arraysize
        cursor.execute("select n, s from t where n <= 1000 or n > 3000 - :most", [arraysize])
        rows = sorted(cursor)
    expected = [i for i in range(1, 3001) if i <= 1000 or i > 3000 - arraysize]
    assert rows == [(i, chr(97 + i % 26) * (i % 300) or None) for i in expected]


def test_every_type_goes_both_ways(connection: oracledb.Connection) -> None:
    moment = dt.datetime(2024, 2, 29, 23, 59, 58, 123456)  # noqa: DTZ001
    values = [Decimal("-1.5"), "ä€😀'\\", "x" * 32767, moment, None, 0, -(2**63), b"\0\xff"]
    with connection.cursor() as cursor:
        cursor.setinputsizes(None, None, None, oracledb.DB_TYPE_TIMESTAMP)
        binds = ", ".join(f":{n}" for n in range(1, len(values) + 1))
        row = cursor.execute(f"select {binds} from dual", values).fetchone()
    assert row == (-1.5, "ä€😀'\\", "x" * 32767, moment, None, 0, -(2**63), b"\0\xff")


def test_a_statement_runs_again_with_other_binds(connection: oracledb.Connection) -> None:
    with connection.cursor() as cursor:
        for n in (1, 2, None, "3"):
            rows = cursor.execute("select n from t where n = :n", n=n).fetchall()
            assert rows == ([] if n is None else [(int(n),)])


def test_many_cursors_come_and_go(connection: oracledb.Connection) -> None:
    connection.stmtcachesize = 3
    for n in range(30):
        with connection.cursor() as cursor:
            assert cursor.execute(f"select {n} from dual").fetchone() == (n,)
    connection.module, connection.action, connection.client_identifier = "mod", "act", "ident"
    connection.current_schema = "APPS"
    connection.ping()
    with connection.cursor() as cursor:
        cursor.execute("select sys_context('userenv', 'current_schema'), user from dual")
        assert cursor.fetchone() == ("APPS", "APPS")


def test_changes_are_seen_by_others_after_commit_only(
    connection: oracledb.Connection, behind: Behind
) -> None:
    count = "SELECT count(*) FROM apps.t WHERE n < 0"
    with connection.cursor() as cursor:
        cursor.executemany("insert into t (n, s) values (:1, :2)", [(-1, "a"), (-2, None)])
        assert cursor.rowcount == 2
        cursor.execute("update t set s = :s where n = -2", s="b")
        with pytest.raises(oracledb.DatabaseError, match="ORA-00904"):
            cursor.execute("update t set missing = 1")
        assert behind.query(count) == [(0,)]
        connection.commit()
        assert behind.query(count) == [(2,)]
        cursor.execute("delete from t where n < 0")
        assert cursor.rowcount == 2
        connection.rollback()
        assert behind.query(count) == [(2,)]
        connection.autocommit = True
        cursor.execute("delete from t where n < 0")
    assert behind.query(count) == [(0,)]


def test_asyncio_is_served_alike(server: OracleStandin) -> None:
    async def count() -> int:
        async with oracledb.connect_async(
            user=server.user, password=server.password, dsn=server.dsn
        ) as connection:
            (row,) = await connection.fetchall("select count(*) from t")
        return int(row[0])

    assert asyncio.run(count()) == 3000


def test_many_clients_at_once(server: OracleStandin) -> None:
    counts = []

    def ask() -> None:
        with connect(server) as connection, connection.cursor() as cursor:
            counts.append(cursor.execute("select count(n) from t").fetchone()[0])

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [3000] * 20


def test_a_call_that_takes_too_long_leaves_the_connection_usable(
    connection: oracledb.Connection, server: OracleStandin
) -> None:
    server.faults.delay(execute=30, on="from t")
    connection.call_timeout = 200
    with connection.cursor() as cursor:
        with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
            cursor.execute("select n from t")
        assert cursor.execute("select 1 from dual").fetchone() == (1,)


def test_a_cancelled_call_ends_with_ora_01013(
    connection: oracledb.Connection, server: OracleStandin
) -> None:
    server.faults.delay(execute=30, on="from t")
    timer = threading.Timer(0.2, connection.cancel)
    with connection.cursor() as cursor:
        timer.start()
        with pytest.raises(oracledb.DatabaseError, match="ORA-01013"):
            cursor.execute("select n from t")
        timer.join()
        assert cursor.execute("select 1 from dual").fetchone() == (1,)


@pytest.mark.parametrize("login", [{"password": "wrong"}, {"user": "nobody"}, {"password": " "}])
def test_a_wrong_login_is_ora_01017_after_one_attempt(
    server: OracleStandin, login: dict[str, str]
) -> None:
    before = server.connections, server.login_attempts
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
        connect(server, **login)
    assert (server.connections, server.login_attempts) == (before[0] + 1, before[1] + 1)


def test_a_locked_account_is_ora_28000(behind: Behind) -> None:
    with OracleStandin(behind.url, locked=True) as server:
        with pytest.raises(oracledb.DatabaseError, match="ORA-28000"):
            connect(server)
        with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
            connect(server, password="wrong")


@pytest.mark.parametrize(
    ("connect_data", "code"),
    [("SERVICE_NAME=OTHER", "DPY-6001.*ORA-12514"), ("SID=EBS", "DPY-6003.*ORA-12505")],
)
def test_an_unknown_service_is_refused_before_any_login(
    server: OracleStandin, connect_data: str, code: str
) -> None:
    address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={server.host})(PORT={server.port}))"
    before = server.login_attempts
    with pytest.raises(oracledb.OperationalError, match=f"(?s){code}"):
        connect(server, dsn=f"(DESCRIPTION={address}(CONNECT_DATA=({connect_data})))")
    assert server.login_attempts == before


def test_nonsense_on_the_port_harms_nobody(
    server: OracleStandin, connection: oracledb.Connection
) -> None:
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", bytes(64), b"\0\x10\0\0\1\0\0\0" + bytes(8)):
        with socket.create_connection((server.host, server.port), timeout=10) as sock:
            sock.sendall(nonsense)
            sock.shutdown(socket.SHUT_WR)
            # Until the server is done with it: another test counts its connections.
            with contextlib.suppress(ConnectionResetError):
                while sock.recv(4096):
                    pass
    connection.ping()


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA of the test's own: ca.pem, and server.pem for `localhost`."""
    folder = tmp_path_factory.mktemp("tls")
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate("Test CA", ca_key, issuer="Test CA", signer=ca_key)
    leaf = _certificate("localhost", server_key, issuer="Test CA", signer=ca_key)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    key = server_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(leaf.public_bytes(pem) + key)
    return folder


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, *, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    is_ca = name == issuer
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def tls_server(behind: Behind, authority: Path) -> Iterator[OracleStandin]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    with OracleStandin(behind.url, ssl_context=context) as standin:
        yield standin


def _tcps(server: OracleStandin, host: str = "localhost") -> str:
    return f"tcps://{host}:{server.port}/{server.service_name}"


def test_tls_is_served_to_a_client_that_trusts_the_ca(
    tls_server: OracleStandin, authority: Path
) -> None:
    trusting = ssl.create_default_context(cafile=authority / "ca.pem")
    arguments = {"dsn": _tcps(tls_server), "ssl_context": trusting}
    with connect(tls_server, **arguments) as connection, connection.cursor() as cursor:
        assert len(cursor.execute("select n, s from t").fetchall()) == 3000


def test_a_call_is_cancelled_over_tls(
    behind: Behind, tls_server: OracleStandin, authority: Path
) -> None:
    behind.execute("CREATE OR REPLACE VIEW apps.slow AS SELECT 1::numeric n FROM pg_sleep(60)")
    trusting = ssl.create_default_context(cafile=authority / "ca.pem")
    arguments = {"dsn": _tcps(tls_server), "ssl_context": trusting}
    with connect(tls_server, **arguments) as connection, connection.cursor() as cursor:
        connection.call_timeout = 300
        with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
            cursor.execute("select n from slow")
        assert cursor.execute("select 1 from dual").fetchone() == (1,)


def test_tls_is_refused_by_a_client_that_does_not_know_the_ca(tls_server: OracleStandin) -> None:
    with pytest.raises(oracledb.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(tls_server, dsn=_tcps(tls_server), ssl_context=ssl.create_default_context())


def test_tls_is_refused_by_a_client_that_asked_for_another_host(
    tls_server: OracleStandin, authority: Path
) -> None:
    trusting = ssl.create_default_context(cafile=authority / "ca.pem")
    with pytest.raises(oracledb.DatabaseError, match=r"DPY-600[56]"):
        connect(tls_server, dsn=_tcps(tls_server, "127.0.0.1"), ssl_context=trusting)
