"""TLS to both databases: right and wrong certificates, and connections that are cut."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest

from oracle_standin import OracleStandin
from support.faults.harness import IMPATIENT, LONGEST_SECONDS, FaultHarness
from support.faults.proxy import CUTS, Direction, Proxy
from support.faults.suite import some
from support.tls import LOOPBACK, Authority, postgres_front

POSTGRES, ORACLE = "AIRFLOW_CONN_POSTGRES_CONN_ID", "AIRFLOW_CONN_ORACLE_CONN_ID"
Server = Callable[[FaultHarness, ssl.SSLContext | None], object]


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("right"), "right")


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory, right: Authority) -> dict[str, Authority]:
    """Servers' certificates that must not be taken, each beside the authority to trust."""
    folder = tmp_path_factory.mktemp("wrong")
    return {
        "wrong name": Authority.create(folder, "name", host="elsewhere.example"),
        "expired": Authority.create(folder, "expired", days=-1),
        "untrusted": Authority(
            ca_file=right.ca_file,
            server_file=Authority.create(folder, "other").server_file,
        ),
    }


@contextmanager
def postgres_at(
    harness: FaultHarness, authority: Authority, **extras: str
) -> Iterator[dict[str, str]]:
    """The target behind TLS, and the connection that asks for it."""
    place = urlsplit(harness.target.url)
    assert place.port
    with postgres_front(place.port, authority.server_context()) as port:
        yield {POSTGRES: postgres_uri(harness, port, ca_file=authority.ca_file, **extras)}


def postgres_uri(harness: FaultHarness, port: int, *, ca_file: Path, **extras: str) -> str:
    place = urlsplit(harness.target.url)
    login = place.netloc.rpartition("@")[0]
    extras = {"sslmode": "verify-full", "sslrootcert": str(ca_file), **extras}
    return f"postgres://{login}@{LOOPBACK}:{port}{place.path}?{urlencode(extras)}"


@contextmanager
def oracle_at(harness: FaultHarness, authority: Authority) -> Iterator[dict[str, str]]:
    """The source by TCPS, and the connection that asks for it."""
    standin = OracleStandin(
        harness.source.database_url,
        password=harness.standin.password,
        ssl_context=authority.server_context(),
    )
    with standin:
        yield {ORACLE: oracle_uri(standin, standin.port, authority)}


def oracle_uri(standin: OracleStandin, port: int, authority: Authority) -> str:
    """A wallet that holds the authority and nothing else."""
    wallet = authority.ca_file.parent / f"wallet-of-{authority.ca_file.stem}"
    wallet.mkdir(exist_ok=True)
    (wallet / "ewallet.pem").write_bytes(authority.ca_file.read_bytes())
    extras = {"protocol": "tcps", "wallet_location": str(wallet)}
    login = f"{standin.user}:{quote(standin.password, safe='')}"
    return f"oracle://{login}@{LOOPBACK}:{port}/{standin.service_name}?{urlencode(extras)}"


At = Callable[[FaultHarness, Authority], AbstractContextManager[dict[str, str]]]
AT: dict[str, At] = {"oracle": oracle_at, "postgres": postgres_at}


@pytest.mark.parametrize("database", AT)
def test_the_right_certificate(harness: FaultHarness, right: Authority, database: str) -> None:
    harness.edit()
    case = harness.case()
    with AT[database](harness, right) as environ:
        result = harness.run("run", **environ)

    assert case.ended(result, exit_codes={0})


@pytest.mark.parametrize("kind", ["wrong name", "expired", "untrusted"])
@pytest.mark.parametrize("database", AT)
def test_a_wrong_certificate_is_refused(
    harness: FaultHarness, wrong: dict[str, Authority], database: str, kind: str
) -> None:
    harness.edit()
    case = harness.case()
    with AT[database](harness, wrong[kind]) as environ:
        result = harness.run("run", ETL_RETRY_BUDGET_SECONDS="60", **environ)

    case.ended(result, exit_codes={77}, reason="not_allowed")
    assert "certificate" in result.failure["remedy"]


def test_a_target_without_tls_where_it_is_required(harness: FaultHarness, right: Authority) -> None:
    case = harness.case()
    place = urlsplit(harness.target.url)
    assert place.port
    uri = postgres_uri(harness, place.port, ca_file=right.ca_file)

    result = harness.run("run", ETL_RETRY_BUDGET_SECONDS="60", **{POSTGRES: uri})

    case.ended(result, exit_codes={77}, reason="not_allowed", says="does not support SSL")


def test_a_source_without_tls_where_it_is_required(harness: FaultHarness, right: Authority) -> None:
    case = harness.case()
    uri = oracle_uri(harness.standin, harness.standin.port, right)

    result = harness.run("run", **IMPATIENT, **{ORACLE: uri})

    case.ended(result, exit_codes={75, 77}, says="could not connect to the source")


def test_a_plain_connection_where_the_target_requires_tls(
    harness: FaultHarness, right: Authority
) -> None:
    case = harness.case()
    with postgres_at(harness, right, sslmode="disable") as environ:
        result = harness.run("run", **environ)

    case.ended(result, exit_codes={75}, reason="temporary", says="could not connect")


@pytest.mark.parametrize("action", ["dropped", "reset"])
@pytest.mark.parametrize("share", some(1, [0.7, 0.3]))
def test_a_cut_tls_connection_is_temporary(
    harness: FaultHarness, right: Authority, action: str, share: float
) -> None:
    """Libpq speaks of SSL then too: that is no certificate's fault."""
    harness.edit()
    case = harness.case()
    place = urlsplit(harness.target.url)
    assert place.port
    with ExitStack() as stack:
        port = stack.enter_context(postgres_front(place.port, right.server_context()))
        proxy = stack.enter_context(Proxy(port))
        uri = postgres_uri(harness, proxy.port, ca_file=right.ca_file)
        assert harness.run("run", "--dry-run", **{POSTGRES: uri}).exit_code == 0
        usual = proxy.passed[Direction.DOWN]
        proxy.reset_faults()
        cut = proxy.at_byte(int(usual * share), CUTS[action], Direction.DOWN)

        result = harness.start("run", **{POSTGRES: uri}).wait(LONGEST_SECONDS)

    assert cut.is_set()
    case.ended(result, exit_codes={75}, reason="temporary")
