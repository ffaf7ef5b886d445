"""A zip laid out as Oracle's Instant Client 19 Basic Lite, with a stand-in for its library.

Oracle's own cannot be had in tests: its site must be reached, and its licence forbids copies here.
"""

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

VERSION = "19.99.0.0.0"
NAME = f"instantclient-basiclite-linux.x64-{VERSION}dbru.zip"
FOLDER = "instantclient_19_99"
LICENCE = "BASIC_LITE_LICENSE"

_SOURCE = Path(__file__).with_name("client_library_standin.c")
_SYMLINK = 0o120777 << 16
_PLAIN_FILES = (LICENCE, "BASIC_LITE_README", "network/admin/README")
_LINKS = {"libclntsh.so": "libclntsh.so.19.1"}


def build(folder: Path) -> Path:
    """The zip, made in this folder. Needs `cc`."""
    library = _compile(folder)
    path = folder / NAME
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(library, f"{FOLDER}/{library.name}")
        for name in _PLAIN_FILES:
            archive.writestr(f"{FOLDER}/{name}", f"This stands in for Oracle's {name}.\n")
        for name, destination in _LINKS.items():
            link = zipfile.ZipInfo(f"{FOLDER}/{name}")
            link.create_system = 3
            link.external_attr = _SYMLINK
            archive.writestr(link, destination)
    return path


def sha256(archive: Path) -> str:
    """The checksum that a build must be given for this zip."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def _compile(folder: Path) -> Path:
    """The library; it needs libaio.so.1, as Oracle's does."""
    libaio = folder / "libaio.so.1"
    library = folder / "libclntsh.so.19.1"
    empty = folder / "empty.c"
    empty.touch()
    shared = [os.environ.get("CC", "cc"), "-shared", "-fPIC"]
    links_libaio: list[str | Path] = ["-Wl,--no-as-needed", libaio]
    subprocess.run([*shared, f"-Wl,-soname,{libaio.name}", "-o", libaio, empty], check=True)
    subprocess.run(
        [*shared, f"-Wl,-soname,{library.name}", "-o", library, _SOURCE, *links_libaio], check=True
    )
    return library
