"""Source, target and the networks between, and the one checker of what a run leaves."""

import random
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from demo.embedded_postgres import EmbeddedPostgres
from oracle_standin import OracleStandin
from support.faults.observer import observed_source, observed_target
from support.faults.proxy import Proxy
from support.faults.suite import SEED
from support.processes import Process
from support.result import Result
from support.source_database import SourceRow, StandinSource
from support.target_database import TargetDatabase

PERIODS = 12
ROWS = 1200
BATCH_ROWS = 50

DATABASES = ["oracle", "postgres"]

# For what is going to wait for a database in vain.
IMPATIENT = {"ETL_CONNECT_TIMEOUT_SECONDS": "1", "ETL_CALL_TIMEOUT_SECONDS": "1"}

# Connecting, a call that is given up, closing, and writing the failure down may wait in turn.
LONGEST_SECONDS = 25

# The ledger's own note that a run began is its first commit, the load's is the second.
# As the whole statement: READ COMMITTED is another.
COMMIT = b"COMMIT\0"
LOADS_COMMIT = 2

_BUG = 70

# What the server needs to see that its client is gone, and ends what it was doing for it.
_SETTLE_SECONDS = 15

_numbers = count(1)

_LEFT_IN_TARGET = {
    "sessions": "SELECT application_name, state, query FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name LIKE 'etl-sales-target%'",
    "advisory locks": "SELECT pid, classid, objid FROM pg_locks"
    " WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "temporary tables": "SELECT relname FROM pg_class WHERE relpersistence = 't'",
    "prepared transactions": "SELECT gid FROM pg_prepared_xacts",
}


@dataclass
class FaultHarness:
    """Both databases, each behind a proxy, and the command between them."""

    source: StandinSource
    target: TargetDatabase
    standin: OracleStandin
    oracle_proxy: Proxy
    postgres_proxy: Proxy
    seed: int
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.output: list[str] = []
        self._last_id = ROWS
        oracle, postgres = urlsplit(self.source.uri), urlsplit(self.target.url)
        self.secrets = {unquote(part.password or "") for part in (oracle, postgres)}
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "AIRFLOW_CONN_ORACLE_CONN_ID": _moved(self.source.uri, self.oracle_proxy.port),
            "AIRFLOW_CONN_POSTGRES_CONN_ID": _moved(self.target.url, self.postgres_proxy.port),
            "ETL_LOG_FORMAT": "json",
            "ETL_BATCH_ROWS": str(BATCH_ROWS),
            "ETL_CONNECT_TIMEOUT_SECONDS": "10",
            "ETL_CALL_TIMEOUT_SECONDS": "30",
            "ETL_LOCK_TIMEOUT_SECONDS": "10",
            "ETL_RETRY_BUDGET_SECONDS": "0",
        }

    # -- what happens --------------------------------------------------------------------------

    def fill(self, rows: int = ROWS, periods: int = PERIODS) -> None:
        """The source anew; the target as a first run leaves it."""
        self.source.execute("DELETE FROM {table}")
        self.source.insert(
            (n, n % 7, n % periods % 12 + 1, 2024 + n % periods // 12, f"{n}.25")
            for n in range(rows)
        )
        result = self.run("run", "--allow-shrink")
        assert result.exit_code == 0, result.stderr
        assert self.target.rows() == self.source.rows()

    def edit(self) -> None:
        """Somebody changes, deletes and adds some rows in one to three periods, in one commit."""
        months = self.random.sample(range(1, PERIODS + 1), self.random.randint(1, 3))
        chosen = ", ".join(map(str, months))
        digit = self.random.randrange(7)
        self._last_id += 1
        new = f"{self._last_id}, {digit}, {months[0]}, 2024, {self.random.randrange(1000)}"
        self.source.execute(
            "UPDATE {table} SET target_amount = target_amount + 0.01"
            f" WHERE target_month IN ({chosen}) AND product_id = {digit};"
            f"DELETE FROM {{table}} WHERE id = {self._last_id - 20};"
            f"INSERT INTO {{table}} VALUES ({new})"
        )

    def edit_every_row(self) -> None:
        """Somebody changes every row, after which a run vacuums."""
        self.source.execute("UPDATE {table} SET target_amount = target_amount + 0.01")

    def start(self, *arguments: str, **environ: str) -> Process:
        """The command, running."""
        return Process(arguments, self.environ | self.settings | environ)

    def start_cold(self, *arguments: str) -> Process:
        """The same in a new Python, which has yet to load what the command needs."""
        return Process(arguments, self.environ | self.settings, cold=True)

    def run(self, *arguments: str, **environ: str) -> Result:
        """The command, run to its end."""
        return self.record_output(self.start(*arguments, **environ).wait())

    def record_output(self, result: Result) -> Result:
        """Keeps what was said: no secret may ever be in it."""
        for secret in self.secrets:
            for form in {secret, quote(secret, safe=""), repr(secret)[1:-1]}:
                said = f"{result.stdout}{result.stderr}"
                assert form not in said, f"a secret was printed: {said.replace(form, '<SECRET>')}"
        return result

    def proxy_of(self, database: str) -> Proxy:
        """The network to one of DATABASES."""
        return self.oracle_proxy if database == "oracle" else self.postgres_proxy

    def reset_faults(self) -> None:
        """Both networks and the source work again."""
        self.oracle_proxy.reset_faults()
        self.postgres_proxy.reset_faults()
        self.standin.faults.clear()

    # -- what must hold ------------------------------------------------------------------------

    def case(self) -> "Case":
        """Takes the snapshots between which whatever follows must choose."""
        return Case(self, self._rows(), self.source.rows())

    def _rows(self) -> list[SourceRow]:
        return self.target.rows() if self.target.exists() else []

    def on_record(self, run_id: str) -> tuple[str | None, int | None]:
        """What the ledger says of a run: its outcome and exit code."""
        found = self.target.query(
            f"SELECT outcome, exit_code FROM mb.etl_sales_target_runs WHERE run_id = '{run_id}'"
        )
        return found[0] if found else (None, None)

    def assert_nothing_left(self) -> None:
        """No session, lock, temporary table: soon, as servers notice what ended."""
        left: dict[str, Any] = {}

        def look() -> bool:
            left.clear()
            for name, query in _LEFT_IN_TARGET.items():
                if found := self.target.query(query):
                    left[name] = found
            if self.standin.sessions:
                left["sessions of the source"] = self.standin.sessions
            return not left

        assert comes_true(look), f"left behind after {_SETTLE_SECONDS} s: {left}"


@dataclass
class Case:
    """One fault, and everything that must hold after it."""

    harness: FaultHarness
    old: list[SourceRow]
    new: list[SourceRow]

    def ended(
        self,
        result: Result,
        *,
        exit_codes: Collection[int],
        reason: str | None = None,
        code: str | Collection[str | None] | None = None,
        says: str = "",
        unheard: bool = False,
        next_run: Sequence[str] = ("run",),
        bug_is_allowed: bool = False,
    ) -> bool:
        """Checks the run, what it left, and the next run; returns whether it had committed.

        `reason`, `code` and `says` are those of the failure, where there must be one. `unheard`:
        the run had no way to hear that it committed.
        """
        harness = self.harness
        harness.record_output(result)
        assert result.exit_code in exit_codes, f"exit code {result.exit_code}:\n{result.stderr}"
        harness.reset_faults()
        harness.assert_nothing_left()
        self._check_what_it_said(result, reason, code, says)
        assert bug_is_allowed or result.exit_code != _BUG, result.stderr
        committed = self._check_rows(result, unheard=unheard)
        self._check_next_run(next_run)
        return committed

    def _check_what_it_said(
        self,
        result: Result,
        reason: str | None,
        code: str | Collection[str | None] | None,
        says: str,
    ) -> None:
        if result.exit_code < 0:  # Killed: it could say nothing.
            return
        # Of an error that nobody can name the traceback is all that says where it is.
        assert "Traceback" not in result.stderr or result.exit_code == _BUG, result.stderr
        if result.exit_code == 0:
            assert result.events[-1]["event"] in {"run_finished", "metrics_pushed"}, result.stderr
            return
        failure = result.failure
        assert failure["exit_code"] == result.exit_code
        assert failure["error"].endswith(".") or failure["reason"] == "bug", failure["error"]
        assert "\n" not in failure["error"]
        assert says in failure["error"], failure["error"]
        if reason:
            assert failure["reason"] == reason, failure
        if code:
            codes = {code} if isinstance(code, str) else set(code)
            assert failure["code"] in codes, failure

    def _check_rows(self, result: Result, *, unheard: bool) -> bool:
        """The target is one of the two snapshots, and the ledger says which."""
        rows = self.harness._rows()
        assert rows in (self.old, self.new), _difference(rows, self.old, self.new)
        run_ids = {event["run_id"] for event in result.events if "run_id" in event}
        assert len(run_ids) <= 1
        outcome, exit_code = None, None
        if run_ids and self.harness.target.exists():
            outcome, exit_code = self.harness.on_record(*run_ids)
        committed = outcome == "succeeded"
        assert rows == (self.new if committed else self.old), f"the ledger says {outcome}"
        if result.exit_code >= 0 and not unheard:
            assert (result.exit_code == 0) == committed, f"the ledger says {outcome}"
            if outcome == "failed":
                assert exit_code == result.exit_code, f"the ledger says {exit_code}"
            elif outcome not in {None, "succeeded"}:
                assert "failure_not_recorded" in result.stderr, f"the ledger says {outcome}"
        return committed

    def _check_next_run(self, command: Sequence[str]) -> None:
        harness = self.harness
        expected = harness.source.rows()
        after = harness.run(*command)
        assert after.exit_code == 0, f"the next run failed:\n{after.stderr}"
        assert harness._rows() == expected == harness.source.rows()
        harness.assert_nothing_left()
        running = harness.target.query(
            "SELECT run_id FROM mb.etl_sales_target_runs WHERE outcome = 'running'"
        )
        assert running == [], "runs that ended are still said to be running"
        for secret in harness.secrets:
            told = harness.target.query(
                "SELECT run_id FROM mb.etl_sales_target_runs AS run"
                f" WHERE strpos(run::text, {quote_literal(secret)}) > 0"
            )
            assert told == [], "the ledger holds a secret"


def quote_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _moved(url: str, port: int) -> str:
    """The same URL with another port on loopback."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{login}@127.0.0.1:{port}").geturl()


def make_harness(
    stack: ExitStack, behind_source: EmbeddedPostgres, server: EmbeddedPostgres
) -> FaultHarness:
    """A new source and target on these servers, filled and loaded."""
    number = next(_numbers)
    source_name, target_name = f"fault_source_{number}", f"fault_target_{number}"
    source_url = behind_source.create_database(source_name)
    stack.callback(behind_source.drop_database, source_name)
    target_url = server.create_database(target_name)
    stack.callback(server.drop_database, target_name)
    standin = stack.enter_context(OracleStandin(source_url, password="s3cret-of-oracle"))
    made = FaultHarness(
        source=stack.enter_context(observed_source(standin, source_url)),
        target=stack.enter_context(observed_target(target_url)),
        standin=standin,
        oracle_proxy=stack.enter_context(Proxy(standin.port)),
        postgres_proxy=stack.enter_context(Proxy(server.port)),
        seed=SEED,
    )
    made.fill()
    return made


def ended_as_one_of_many(result: Result) -> bool:
    """Loaded, or was told that another does; returns whether it loaded."""
    assert result.exit_code in {0, 75}, result.stderr
    assert result.exit_code == 0 or result.failure["reason"] == "locked", result.stderr
    return result.exit_code == 0


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether it does, soon."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _difference(rows: list[SourceRow], old: list[SourceRow], new: list[SourceRow]) -> str:
    sizes = f"{len(rows)} rows; old {len(old)}, new {len(new)}"
    return f"the target is neither the old nor the new snapshot: {sizes}"
