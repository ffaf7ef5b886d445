"""A real pair of sockets: what one end sends, the stand-in's channel at the other receives."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from oracle_standin.packets import Channel


@dataclass(frozen=True)
class Wire:
    """`client` is a plain socket, `server` the stand-in's end."""

    client: socket.socket
    server: Channel


@pytest.fixture
def wire() -> Iterator[Wire]:
    client, server = socket.socketpair()
    with client, server:
        client.settimeout(10)
        server.settimeout(10)
        yield Wire(client, Channel(server))
