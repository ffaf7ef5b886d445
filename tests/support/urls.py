"""URLs of databases, changed."""

from urllib.parse import quote


def with_password(url: str, password: str) -> str:
    """The URL with another password."""
    head, _, tail = url.rpartition("@")
    return f"{head.rpartition(':')[0]}:{quote(password, safe='')}@{tail}"
