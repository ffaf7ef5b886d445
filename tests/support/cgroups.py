"""A cgroup with a memory limit, as a container has one."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


@contextmanager
def memory_limit(limit_bytes: int) -> Iterator[Path]:
    """A cgroup of version 1 or 2, whichever is here. Raises OSError where none may be made."""
    version_1 = Path("/sys/fs/cgroup/memory")
    parent = version_1 if version_1.is_dir() else version_1.parent
    limit = "memory.limit_in_bytes" if version_1.is_dir() else "memory.max"
    cgroup = parent / f"etl-sales-target-{secrets.token_hex(4)}"
    cgroup.mkdir()
    try:
        (cgroup / limit).write_text(str(limit_bytes))
        yield cgroup
    finally:
        cgroup.rmdir()


def inside(cgroup: Path, command: Sequence[str]) -> list[str]:
    """The command that runs this one inside the cgroup."""
    return ["/bin/sh", "-c", _ENTER, str(cgroup), *command]
