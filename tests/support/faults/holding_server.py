"""A server that holds its clients up: it accepts, then says nothing, or a byte now and then."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_DRIP_SECONDS = 0.5
# An answer that begins well, and whose header never ends.
_ENDLESS_HEADER = b"HTTP/1.1 200 OK\r\nX-Endless: "


@dataclass(frozen=True)
class HoldingServer:
    """`reached` is set once somebody has connected."""

    port: int
    reached: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def holding_server(*, drips: bool = False) -> Iterator[HoldingServer]:
    """Until the block ends; where it `drips`, the header of an HTTP answer without end."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = HoldingServer(listener.getsockname()[1])

        def hold(client: socket.socket) -> None:
            with client, contextlib.suppress(OSError):
                client.sendall(_ENDLESS_HEADER if drips else b"")
                while not stopped.wait(_DRIP_SECONDS):
                    client.sendall(b"x" if drips else b"")

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server.reached.set()
                    threading.Thread(target=hold, args=[client]).start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        yield server
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
