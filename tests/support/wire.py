"""Oracle's packets and messages from outside of the stand-in: written, taken apart, overheard."""

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from oracle_standin.packets import Channel, Packet, Reader


def packet(body: bytes, kind: int = Packet.DATA, *, wide: bool = True) -> bytes:
    length = len(body) + 8
    prefix = struct.pack(">I", length) if wide else struct.pack(">HH", length, 0)
    return prefix + bytes([kind, 0, 0, 0]) + body


def data(payload: bytes, flags: int = 0) -> bytes:
    return packet(struct.pack(">H", flags) + payload)


@contextmanager
def reader_of(sent: bytes) -> Iterator[Reader]:
    """A reader to which a client sent these bytes and then left."""
    client, server = socket.socketpair()
    thread = threading.Thread(target=_send_and_leave, args=[client, sent])
    thread.start()
    with server:
        channel = Channel(server)
        channel.wide_lengths = True
        yield Reader(channel)
    thread.join()


def _send_and_leave(client: socket.socket, sent: bytes) -> None:
    with client:
        client.sendall(sent)


def fields(message: bytes, shape: str) -> list[int | bytes]:
    """The fields of a message of this shape, which must end where the message does.

    b: a byte, n: a length byte and a number, c: a length byte and bytes, s: a number, and if it is
    not 0 a length byte and bytes.
    """
    found: list[int | bytes] = []
    position = 0

    def take(size: int) -> bytes:
        nonlocal position
        position += size
        return message[position - size : position]

    for kind in shape:
        head = take(1)[0]
        if kind == "b":
            found.append(head)
        elif kind == "c":
            found.append(take(head))
        else:
            value = int.from_bytes(take(head & 0x7F), "big")
            negative = -value if head & 0x80 else value
            found.append((take(take(1)[0]) if value else b"") if kind == "s" else negative)
    assert position == len(message)
    return found


# Shapes of messages, for `fields`.
EXECUTE_PARAMETERS = "b" + "n" + "nnnnnn" + "nnn"
ERROR_TO_19C = "b" + "nnnnnnnn" + "bbbbbb" + "nnbnn" + "nbbnns" + "nnn" + "nn"


@dataclass(frozen=True)
class Heard:
    """A packet that passed; `up`: the client sent it."""

    up: bool
    kind: int
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body) + 8


class Eavesdropper:
    """A port that passes one connection after the other on to a server, and keeps the packets.

    A context manager.
    """

    def __init__(self, port: int) -> None:
        self.heard: list[Heard] = []
        self._upstream = port

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
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

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, socket.create_connection(("127.0.0.1", self._upstream)) as server:
                    self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        waiting = {client: bytearray(), server: bytearray()}
        wide = False
        while True:
            for source in select.select([client, server], [], [])[0]:
                received = source.recv(1 << 16)
                if not received:
                    return
                waiting[source] += received
                while packet := _first_packet(waiting[source], wide=wide):
                    self.heard.append(Heard(source is client, packet[4], packet[8:]))
                    wide = wide or packet[4] == Packet.ACCEPT
                other[source].sendall(received)


def _first_packet(waiting: bytearray, *, wide: bool) -> bytes:
    """Taken out of what waits; empty where it is not whole."""
    if len(waiting) < 8:
        return b""
    (size,) = struct.unpack_from(">I" if wide else ">H", waiting)
    if len(waiting) < size:
        return b""
    packet = bytes(waiting[:size])
    del waiting[:size]
    return packet
