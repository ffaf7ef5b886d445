"""A TCP proxy on loopback that does to a connection what networks do, at a chosen byte."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

_LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16
# A test that fails never lets go.
_HOLD_SECONDS = 30
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Direction(StrEnum):
    """Seen from the job: what it sends goes up, what it is answered comes down."""

    UP = "up"
    DOWN = "down"


class Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.passable = threading.Event()
        self.passable.set()
        self._closed = threading.Event()

    @property
    def is_open(self) -> bool:
        return not self._closed.is_set()

    def drop(self) -> None:
        """Both sides see an orderly end (FIN)."""
        self._closed.set()
        for sock in (self.client, self.server):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.passable.set()

    def reset(self) -> None:
        """Both sides see RST."""
        self._closed.set()
        for sock in (self.client, self.server):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                # A shutdown would send FIN; this wakes the pump without it.
                sock.shutdown(socket.SHUT_RD)
        self.passable.set()

    def freeze(self) -> None:
        """Nothing passes any more; both sides stay open and hear nothing."""
        self.passable.clear()

    def lose_server(self) -> None:
        """Half open: the server is told that the connection ended, the job is not."""
        self.freeze()
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)

    def lose_client(self) -> None:
        """Half open: the job is told that the connection ended, the server is not."""
        self.freeze()
        with contextlib.suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)


Action = Callable[[Link], None]

# How a network ends a connection.
CUTS: dict[str, Action] = {
    "dropped": Link.drop,
    "reset": Link.reset,
    "frozen": Link.freeze,
    "half open": Link.lose_server,
}


@dataclass
class _Trap:
    """Acts once: at a byte of a direction, or at the n-th sight of a text in it."""

    action: Action
    direction: Direction
    at_byte: int | None = None
    at_text: bytes | None = None
    skip: int = 0
    sprung: threading.Event = field(default_factory=threading.Event)


class Hold:
    """An action that holds a link back from when it is `reached` until it may `go_on`."""

    def __init__(self, then: Action | None = None) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._then = then

    def __call__(self, link: "Link") -> None:
        self.reached.set()
        self.go_on.wait(_HOLD_SECONDS)
        if self._then:
            self._then(link)


class Proxy:
    """Listens on `host` and forwards to `port` until told otherwise. A context manager.

    `connections` counts those so far, `delayed` the pieces that were held up;
    `passed` counts the bytes of each direction since the last `reset_faults()`.
    """

    def __init__(self, port: int, *, host: str = _LOOPBACK) -> None:
        self._upstream = port
        self._host = host
        self._lock = threading.RLock()
        self._links: list[Link] = []
        self._traps: list[_Trap] = []
        self._frozen_from_start = False
        self._refusing = False
        self._seconds_a_chunk = 0.0
        self._mask = 0
        self.connections = self.delayed = 0
        self._rewritten: dict[bytes, bytes] = {}
        self.passed = dict.fromkeys(Direction, 0)

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._listener = socket.create_server((self._host, 0), family=family, backlog=64)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.reset_faults()

    # -- what a test asks for ------------------------------------------------------------------

    def at_byte(self, byte: int, action: Action, direction: Direction) -> threading.Event:
        """Passes on exactly `byte` bytes from now, then acts once; returns when-it-did."""
        with self._lock:
            trap = _Trap(action, direction, at_byte=self.passed[direction] + byte)
            self._traps.append(trap)
        return trap.sprung

    def at_text(
        self, text: bytes, action: Action, *, nth: int = 1, direction: Direction = Direction.UP
    ) -> threading.Event:
        """Acts once before what holds `text` for the n-th time is passed on."""
        trap = _Trap(action, direction, at_text=text, skip=nth - 1)
        with self._lock:
            self._traps.append(trap)
        return trap.sprung

    def answer_of(self, text: bytes, action: Action, *, nth: int = 1) -> threading.Event:
        """Passes `text` on, and acts once in place of passing its answer back."""
        answered = threading.Event()

        def expect(_link: Link) -> None:
            with self._lock:
                here = self.passed[Direction.DOWN]
                trap = _Trap(action, Direction.DOWN, at_byte=here, sprung=answered)
                self._traps.append(trap)

        self.at_text(text, expect, nth=nth)
        return answered

    def garble(self, byte: int, mask: int) -> threading.Event:
        """Turns over these bits of one byte that comes down; returns when-it-did."""

        def turn(_link: Link) -> None:
            self._mask = mask

        return self.at_byte(byte, turn, Direction.DOWN)

    def rewrite(self, text: bytes, other: bytes) -> None:
        """From now on the server says `other`, which is as long, instead of `text`."""
        assert len(text) == len(other)
        self._rewritten[text] = other

    def freeze_new(self) -> None:
        """New connections are accepted and hear nothing."""
        self._frozen_from_start = True

    def refuse_new(self) -> None:
        """New connections end at once."""
        self._refusing = True

    def delay(self, seconds: float) -> None:
        """Each piece that passes takes this long."""
        self._seconds_a_chunk = seconds

    def all(self, action: Action) -> None:
        """Acts on every connection there is."""
        for link in list(self._links):
            action(link)

    def reset_faults(self) -> None:
        """Ends every connection, and forwards new ones undisturbed."""
        with self._lock:
            links, self._links = self._links, []
            self._traps.clear()
            self._frozen_from_start = self._refusing = False
            self._seconds_a_chunk = 0.0
            self._rewritten.clear()
            self.passed = dict.fromkeys(Direction, 0)
        for link in links:
            link.drop()

    @property
    def open_links(self) -> int:
        with self._lock:
            return sum(link.is_open for link in self._links)

    # -- threads -------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._refusing:
                    raise ConnectionRefusedError
                server = socket.create_connection((_LOOPBACK, self._upstream))
            except OSError:
                client.close()
                continue
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server)
            self.connections += 1
            if self._frozen_from_start:
                link.freeze()
            with self._lock:
                self._links.append(link)
            threading.Thread(target=self._serve, args=[link], daemon=True).start()

    def _serve(self, link: Link) -> None:
        down = threading.Thread(target=self._pump, args=[link, Direction.DOWN], daemon=True)
        down.start()
        self._pump(link, Direction.UP)
        down.join()
        link.client.close()
        link.server.close()

    def _pump(self, link: Link, direction: Direction) -> None:
        ends = (link.client, link.server)
        origin, sink = ends if direction is Direction.UP else reversed(ends)
        with contextlib.suppress(OSError):
            while data := origin.recv(_CHUNK):
                if direction is Direction.DOWN:
                    for text, other in self._rewritten.items():
                        data = data.replace(text, other)
                self._pass_on(link, direction, data, sink)
        # The end passes as everything else does: not through a frozen link.
        link.passable.wait()
        if link.is_open:
            link.drop()

    def _pass_on(self, link: Link, direction: Direction, data: bytes, sink: socket.socket) -> None:
        while data:
            size, due = self._next_trap(direction, data)
            if size:
                if self._seconds_a_chunk:
                    time.sleep(self._seconds_a_chunk)
                    self.delayed += 1
                link.passable.wait()
                sink.sendall(data[:size])
                with self._lock:
                    self.passed[direction] += size
            data = data[size:]
            for trap in due:
                trap.action(link)
                trap.sprung.set()
            if self._mask and data:
                data = bytes([data[0] ^ self._mask]) + data[1:]
                self._mask = 0
        link.passable.wait()

    def _next_trap(self, direction: Direction, data: bytes) -> tuple[int, list[_Trap]]:
        """How many of these bytes may pass, and what is to happen after them."""
        with self._lock:
            here, size, due = self.passed[direction], len(data), []
            for trap in [one for one in self._traps if one.direction is direction]:
                if trap.at_byte is not None:
                    if trap.at_byte - here < size:
                        size, due = max(trap.at_byte - here, 0), [trap]
                elif trap.at_text is not None and trap.at_text in data:
                    if trap.skip:
                        trap.skip -= 1
                    else:
                        size, due = 0, [trap]
            for trap in due:
                self._traps.remove(trap)
            return size, due
