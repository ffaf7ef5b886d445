"""Packets on a real pair of sockets."""

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle_standin.codec import clr, sized, universal
from oracle_standin.packets import (
    END_OF_FILE,
    END_OF_RESPONSE,
    BreakError,
    Channel,
    DisconnectedError,
    Marker,
    Packet,
)
from support.wire import data, packet, reader_of


@dataclass(frozen=True)
class Wire:
    """A pair of sockets: `client` is a plain one, `server` the stand-in's end."""

    client: socket.socket
    server: Channel


@pytest.fixture
def wire() -> Iterator[Wire]:
    client, server = socket.socketpair()
    with client, server:
        client.settimeout(10)
        server.settimeout(10)
        yield Wire(client, Channel(server))


def cut(payload: bytes, sizes: list[int]) -> bytes:
    """The payload in DATA packets of these sizes, the rest in one more."""
    packets = []
    for size in sizes:
        packets.append(data(payload[:size]))
        payload = payload[size:]
    return b"".join([*packets, data(payload)])


@given(
    st.lists(st.integers(0, 400) | st.integers(32_700, 70_000), max_size=4),
    st.lists(st.integers(-(2**31), 2**31), max_size=5),
    st.lists(st.integers(1, 300), max_size=12),
)
def test_a_request_may_be_cut_anywhere(
    lengths: list[int], numbers: list[int], sizes: list[int]
) -> None:
    texts = [bytes(position % 251 for position in range(length)) for length in lengths]
    payload = b"".join(
        [*map(universal, numbers), *map(clr, texts), *map(sized, texts), b"end\0", b"\xff"]
    )
    with reader_of(cut(payload, sizes)) as reader:
        assert [reader.universal() for _ in numbers] == numbers
        assert [reader.clr() or b"" for _ in texts] == texts
        assert [reader.sized() for _ in texts] == texts
        assert reader.until_zero() == b"end"
        assert reader.u8() == 0xFF
        with pytest.raises(DisconnectedError):
            reader.u8()


def test_lengths_are_short_until_accept_and_long_after(wire: Wire) -> None:
    wire.client.sendall(packet(b"first", Packet.CONNECT, wide=False))
    assert wire.server.receive() == (Packet.CONNECT, b"first")

    wire.server.wide_lengths = True
    wire.client.sendall(packet(b"x" * 70_000))
    assert wire.server.receive() == (Packet.DATA, b"x" * 70_000)


@pytest.mark.parametrize("size", [0, 1, 502, 503, 1004, 1005, 5000])
def test_a_response_is_cut_at_the_sdu_and_marked_at_its_end(wire: Wire, size: int) -> None:
    wire.server.wide_lengths = True
    wire.server.sdu = 512
    payload = bytes(position % 251 for position in range(size))

    wire.server.send_data(payload, last_flags=END_OF_RESPONSE)
    wire.server.sock.close()

    received = b"".join(iter(lambda: wire.client.recv(1 << 16), b""))
    bodies, flags = [], []
    while received:
        (length,) = struct.unpack_from(">I", received)
        assert length <= 512
        flags.append(struct.unpack_from(">H", received, 8)[0])
        bodies.append(received[10:length])
        received = received[length:]
    assert b"".join(bodies) == payload
    assert flags == [0] * (len(flags) - 1) + [END_OF_RESPONSE]


def test_a_marker_breaks_the_request() -> None:
    sent = data(b"ab") + packet(bytes([1, 0, Marker.INTERRUPT]), Packet.MARKER)
    with reader_of(sent) as reader:
        assert reader.raw(2) == b"ab"
        with pytest.raises(BreakError):
            reader.u8()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        data(b"", END_OF_FILE),
        packet(b"", Packet.CONNECT),
        bytes(8),
        struct.pack(">I", 7) + bytes([Packet.DATA, 0, 0, 0]),
        data(b"")[:-1],
    ],
    ids=["nothing", "end of file", "not data", "no length", "too short a length", "half a packet"],
)
def test_a_client_that_goes_or_talks_nonsense_is_disconnected(sent: bytes) -> None:
    with reader_of(sent) as reader, pytest.raises(DisconnectedError):
        reader.u8()


MARKER = packet(bytes([1, 0, Marker.INTERRUPT]), Packet.MARKER)


@pytest.mark.parametrize("before", [b"", data(b"one") + data(b"two"), data(b"x" * 100_000)])
def test_a_marker_is_seen_before_it_is_read(wire: Wire, before: bytes) -> None:
    wire.server.wide_lengths = True
    assert not wire.server.is_interrupted()
    threading.Thread(target=wire.client.sendall, args=[before + MARKER]).start()
    assert wire.server.is_interrupted(timeout=10)
    while (received := wire.server.receive())[0] == Packet.DATA:
        assert wire.server.is_interrupted()
    assert received == (Packet.MARKER, bytes([1, 0, Marker.INTERRUPT]))
    assert not wire.server.is_interrupted()


@pytest.mark.parametrize("sent", [data(b"more"), data(b"more")[:5], MARKER[:4], bytes(8)])
def test_what_is_no_marker_does_not_interrupt(wire: Wire, sent: bytes) -> None:
    wire.server.wide_lengths = True
    wire.client.sendall(sent)
    assert not wire.server.is_interrupted(timeout=0.05)


def test_a_client_that_is_gone_interrupts(wire: Wire) -> None:
    wire.client.close()
    assert wire.server.is_interrupted()
