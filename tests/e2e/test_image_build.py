"""What a build takes from its surroundings: the package index, whose login stays out of it."""

import base64
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.e2e.containers import MAKE, VERSION, docker, inspect, make_image
from support.project import PROJECT
from support.tls import LOOPBACK

AGAIN = "etl-sales-target-again"
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


def test_two_builds_have_the_same_files(image: str) -> None:
    options = f"{os.environ.get('DOCKER_BUILD_OPTIONS', '')} --no-cache"
    made = make_image(PROJECT, TARGET="thin", IMAGE=AGAIN, DOCKER_BUILD_OPTIONS=options)
    assert made.returncode == 0, made.stderr
    again = f"{AGAIN}:{VERSION}-thin"
    try:
        first, second = files(image), files(again)
    finally:
        docker("rmi", again)

    assert len(first) > 5000
    assert first ^ second == set()


def files(image: str) -> set[str]:
    """Each file's digest, and each path's mode, owner and link, but for what the engine mounts."""
    command = (
        "cd /; prune='-path ./proc -o -path ./sys -o -path ./dev -o -path ./etc/hosts"
        " -o -path ./etc/hostname -o -path ./etc/resolv.conf';"
        " find . ( $prune ) -prune -o -type f -print0 | xargs -0 sha256sum;"
        " find . ( $prune ) -prune -o -printf '%p %m %U %G %l\\n'"
    )
    command = command.replace("(", r"\(").replace(")", r"\)")
    return set(
        docker("run", "--rm", "--user=0", "--entrypoint=sh", image, "-c", command).splitlines()
    )


def test_what_changes_with_each_commit_builds_nothing_again(image: str) -> None:
    again = f"{AGAIN}:{VERSION}-thin"
    built = []
    for revision in ("0" * 40, "1" * 40):
        epoch = f"{revision[0]}00000000"
        made = make_image(
            PROJECT, TARGET="thin", IMAGE=AGAIN, REVISION=revision, SOURCE_DATE_EPOCH=epoch
        )
        assert made.returncode == 0, made.stderr
        built.append(inspect(again))
    docker("rmi", again)

    assert built[0]["RootFS"]["Layers"] == built[1]["RootFS"]["Layers"]
    labels = [each["Config"]["Labels"] for each in built]
    assert labels[1]["org.opencontainers.image.revision"] == "1" * 40
    assert [label["org.opencontainers.image.created"] for label in labels] == [
        "1970-01-01T00:00:00Z",
        "1973-03-03T09:46:40Z",
    ]


def test_a_base_by_digest_is_on_the_label() -> None:
    digest = f"sha256:{'a' * 64}"
    commands = subprocess.run(
        [MAKE, "--dry-run", "image", f"BASE_IMAGE=registry.example/debian:13@{digest}"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"--label org.opencontainers.image.base.digest={digest}" in commands
    assert "--label org.opencontainers.image.base.name=registry.example/debian:13 " in commands


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
