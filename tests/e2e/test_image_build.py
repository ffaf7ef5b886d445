"""What a build takes from its surroundings: the package index, whose login stays out of it."""

import base64
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.e2e.containers import make_image
from support.tls import LOOPBACK

PASSWORD = "the-password-of-the-index"


@pytest.fixture
def empty_index() -> Iterator["EmptyIndex"]:
    """A package index on loopback that holds nothing."""
    with EmptyIndex() as index:
        thread = threading.Thread(target=index.serve_forever)
        thread.start()
        yield index
        index.shutdown()
        thread.join()


class EmptyIndex(ThreadingHTTPServer):
    """`asked` is the path and the login of each request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        super().__init__((LOOPBACK, 0), _NotFound)

    @property
    def url(self) -> str:
        return f"http://builder:{PASSWORD}@{LOOPBACK}:{self.server_port}/simple/"


class _NotFound(BaseHTTPRequestHandler):
    server: EmptyIndex

    def do_GET(self) -> None:
        _, _, encoded = self.headers.get("Authorization", "").partition(" ")
        self.server.asked.append((self.path, base64.b64decode(encoded).decode()))
        self.send_error(404 if encoded else 401)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX"])
def test_the_index_of_the_environment_is_used_and_its_login_not_shown(
    build_folder: Path, empty_index: EmptyIndex, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, empty_index.url)
    requirements = build_folder / "requirements/uv.txt"
    locked = requirements.read_text()
    # Else the engine takes what it built before: it does not tell builds apart by their secrets.
    requirements.write_text(f"{locked}# {secrets.token_hex()}\n")
    made = make_image(build_folder, TARGET="thin", IMAGE="etl-empty-index")
    requirements.write_text(locked)

    assert made.returncode != 0
    assert ("/simple/uv/", f"builder:{PASSWORD}") in empty_index.asked
    assert "No matching distribution found for uv" in made.stderr
    assert PASSWORD not in made.stderr
