"""The listener: accepts clients and gives each a session in a thread of its own."""

import contextlib
import secrets
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from oracle_standin.auth import Account
from oracle_standin.cache import Cache
from oracle_standin.faults import ConnectionDropError, Faults
from oracle_standin.generations import GENERATIONS
from oracle_standin.groups import GroupMemory
from oracle_standin.installation import install
from oracle_standin.packets import Channel
from oracle_standin.session import Session
from oracle_standin.store import Store

_HANDSHAKE_SECONDS = 10
_JOIN_SECONDS = 10
_BACKLOG = 512
_USER, _PASSWORD, _SERVICE = "apps", "apps-secret", "EBS"


class OracleStandin:
    """An Oracle database, as far as a client can tell. A context manager.

    `connections` and `login_attempts` count what clients tried, successful or not. With
    `duplicate_columns` rows leave out what they share with the row before, as real servers do.
    `caching` makes it fast and changes no answer: encoded answers are kept while their tables
    stay unchanged, and grouped ones a group at a time.
    """

    def __init__(
        self,
        database_url: str,
        *,
        user: str = _USER,
        password: str = _PASSWORD,
        service_name: str = _SERVICE,
        protocol: Literal["19c", "23ai"] = "19c",
        ssl_context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        duplicate_columns: bool = True,
        caching: bool = True,
        locked: bool = False,
    ) -> None:
        self.database_url = database_url
        self.user = user
        self.password = password
        self.service_name = service_name
        self.host = host
        self.port = port
        self.generation = GENERATIONS[protocol]
        self.unique_id = secrets.token_hex(16).upper()
        self.faults = Faults()
        self.connections = 0
        self.login_attempts = 0
        self._account = Account(user, password, locked)
        self._ssl_context = ssl_context
        self._duplicate_columns = duplicate_columns
        self._caching = caching
        self._cache = Cache()
        self._memory = GroupMemory()
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self._lock = threading.Lock()
        self._clients: dict[threading.Thread, socket.socket] = {}
        self._stores: set[Store] = set()

    @property
    def dsn(self) -> str:
        """What a client connects to."""
        return f"{self.host}:{self.port}/{self.service_name}"

    @property
    def sessions(self) -> int:
        """How many clients are connected now."""
        with self._lock:
            return len(self._clients)

    def install(self) -> None:
        """Create the functions and views that the stand-in needs in its database."""
        install(self.database_url)

    def start(self) -> None:
        """Listen; the port is known when this returns."""
        self.install()
        self._listener = socket.create_server((self.host, self.port), backlog=_BACKLOG)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """Close every connection, and wait for every thread."""
        if self._listener is None or self._accepting is None:
            return
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(_JOIN_SECONDS)
        with self._lock:
            clients, stores = dict(self._clients), set(self._stores)
        for sock in clients.values():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for store in stores:
            store.cancel()
        for thread in clients:
            thread.join(_JOIN_SECONDS)
        self._listener = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # -- what sessions ask for ---------------------------------------------------------------

    def account(self, user: str) -> Account | None:
        """Names are as Oracle has them: upper case unless quoted."""
        return self._account if user.strip('"').upper() == self.user.upper() else None

    def count_login(self) -> None:
        """A client showed that it knows the password."""
        with self._lock:
            self.login_attempts += 1

    def open_store(self, user: str, is_interrupted: Callable[[], bool]) -> Store:
        store = Store(
            self.database_url,
            user.strip('"'),
            self._cache,
            self._memory,
            duplicates=self._duplicate_columns,
            is_interrupted=is_interrupted,
            caching=self._caching,
        )
        with self._lock:
            self._stores = {one for one in self._stores if not one.closed} | {store}
        return store

    # -- threads -----------------------------------------------------------------------------

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=[sock], daemon=True)
            with self._lock:
                self._clients[thread] = sock
                self.connections += 1
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._ssl_context:
                sock.settimeout(_HANDSHAKE_SECONDS)
                sock = self._ssl_context.wrap_socket(sock, server_side=True)
                sock.settimeout(None)
                with self._lock:
                    self._clients[threading.current_thread()] = sock
            Session(Channel(sock), self).run()
        except ConnectionDropError as drop:
            if drop.reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        finally:
            sock.close()
            with self._lock:
                del self._clients[threading.current_thread()]
