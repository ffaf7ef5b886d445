"""Packets on a socket: eight header bytes, then a body.

Lengths are uint16 until the ACCEPT packet and uint32 after it. A request may be cut anywhere into
DATA packets and has no length of its own, so `Reader` pulls packets as the parser asks for bytes.
"""

import select
import socket
import ssl
import struct
import time
from enum import IntEnum

from oracle_standin.codec import LONG_CLR

_HEADER = 8
_DATA_FLAGS = 2
END_OF_FILE = 0x0040
END_OF_RESPONSE = 0x2000
_RECEIVE = 1 << 16


class Packet(IntEnum):
    CONNECT = 1
    ACCEPT = 2
    REFUSE = 4
    DATA = 6
    MARKER = 12


class Marker(IntEnum):
    BREAK = 1
    RESET = 2
    INTERRUPT = 3


class DisconnectedError(Exception):
    """The client is gone, or said that it goes."""


class BreakError(Exception):
    """The client sent a MARKER: it wants the current call to end."""


class Channel:
    """One client's socket, as packets."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sdu = 8192
        self.wide_lengths = False
        self._buffer = bytearray()

    def receive(self) -> tuple[int, bytes]:
        """The next packet: its type and its body."""
        self._fill(_HEADER)
        length = self._length(0)
        if length < _HEADER:
            raise DisconnectedError("not a packet")
        kind = self._buffer[4]
        self._fill(length)
        body = bytes(self._buffer[_HEADER:length])
        del self._buffer[:length]
        return kind, body

    def _length(self, position: int) -> int:
        """Of the packet that begins here in what is not read yet."""
        shape = ">I" if self.wide_lengths else ">H"
        return int(struct.unpack_from(shape, self._buffer, position)[0])

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            try:
                data = self.sock.recv(_RECEIVE)
            except (OSError, ssl.SSLError) as error:
                raise DisconnectedError from error
            if not data:
                raise DisconnectedError
            self._buffer += data

    def is_interrupted(self, timeout: float = 0) -> bool:
        """Whether the client no longer waits for its answer: it sent a MARKER, or it is gone.

        Waits up to `timeout` seconds for that. Nothing is taken from what `receive` will return.
        """
        deadline = time.monotonic() + timeout
        while not self._has_marker():
            try:
                if not self._is_readable(max(deadline - time.monotonic(), 0)):
                    return False
                self._fill(len(self._buffer) + 1)
            except DisconnectedError:
                return True
        return True

    def _has_marker(self) -> bool:
        position = 0
        while len(self._buffer) - position >= _HEADER:
            if self._buffer[position + 4] == Packet.MARKER:
                return True
            length = self._length(position)
            if length < _HEADER:
                break
            position += length
        return False

    def _is_readable(self, timeout: float) -> bool:
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return True
        try:
            return bool(select.select([self.sock], [], [], timeout)[0])
        except (OSError, ValueError) as error:
            raise DisconnectedError from error

    def send(self, kind: int, body: bytes) -> None:
        self._write(self._packet(kind, body))

    def send_data(self, payload: bytes, *, last_flags: int = 0) -> None:
        """One whole response, cut at the SDU and sent with one call."""
        room = self.sdu - _HEADER - _DATA_FLAGS
        none, last = b"\0\0", struct.pack(">H", last_flags)
        packets = []
        for start in range(0, len(payload) or 1, room):
            flags = last if start + room >= len(payload) else none
            packets.append(self._packet(Packet.DATA, flags + payload[start : start + room]))
        self._write(b"".join(packets))

    def _packet(self, kind: int, body: bytes) -> bytes:
        length = len(body) + _HEADER
        prefix = struct.pack(">I", length) if self.wide_lengths else struct.pack(">HH", length, 0)
        return prefix + bytes([kind, 0, 0, 0]) + body

    def _write(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except (OSError, ssl.SSLError) as error:
            raise DisconnectedError from error

    def send_markers(self, *kinds: Marker) -> None:
        packets = [self._packet(Packet.MARKER, bytes([1, 0, kind])) for kind in kinds]
        self._write(b"".join(packets))


class Reader:
    """The bytes of the client's requests, in the shapes that the protocol has."""

    def __init__(self, channel: Channel) -> None:
        self.prefixed_text = True
        self._channel = channel
        self._data = b""
        self._position = 0

    def discard(self) -> None:
        self._data, self._position = b"", 0

    def raw(self, size: int) -> bytes:
        while len(self._data) - self._position < size:
            self._pull()
        start = self._position
        self._position += size
        return self._data[start : self._position]

    def _pull(self) -> None:
        kind, body = self._channel.receive()
        if kind == Packet.MARKER:
            raise BreakError
        if kind != Packet.DATA:
            raise DisconnectedError
        if struct.unpack_from(">H", body)[0] & END_OF_FILE:
            raise DisconnectedError
        self._data = self._data[self._position :] + body[_DATA_FLAGS:]
        self._position = 0

    def u8(self) -> int:
        return self.raw(1)[0]

    def skip_u8(self, count: int) -> None:
        self.raw(count)

    def universal(self) -> int:
        head = self.u8()
        magnitude = int.from_bytes(self.raw(head & 0x7F), "big")
        return -magnitude if head & 0x80 else magnitude

    def skip_universal(self, count: int) -> None:
        for _ in range(count):
            self.universal()

    def clr(self) -> bytes | None:
        length = self.u8()
        if length in (0, 255):
            return None
        if length != LONG_CLR:
            return self.raw(length)
        chunks = []
        while size := self.universal():
            chunks.append(self.raw(size))
        return b"".join(chunks)

    def text(self, size: int) -> str:
        """Text whose size is known; unless the client left it out, a length comes first again."""
        data = (self.clr() or b"") if self.prefixed_text else self.raw(size)
        return data.decode()

    def sized(self) -> bytes:
        return (self.clr() or b"") if self.universal() else b""

    def until_zero(self) -> bytes:
        data = bytearray()
        while byte := self.raw(1):
            if byte == b"\0":
                break
            data += byte
        return bytes(data)
