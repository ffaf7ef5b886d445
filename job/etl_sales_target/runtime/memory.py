"""The process's memory: its high-water mark, and the limit that the kernel would enforce."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_STATUS = Path("/proc/self/status")
_HIGH_WATER_MARK = re.compile(r"^VmHWM:\s+([0-9]+) kB$", re.MULTILINE)
_PROC = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")

# A cgroup of version 1 without a limit says the largest page-aligned number instead.
_NO_LIMIT = 1 << 62


def peak_bytes(status: Path = _STATUS) -> int:
    """The most resident memory so far.

    getrusage() would also count what the process was before it became this program.
    """
    try:
        found = _HIGH_WATER_MARK.search(status.read_text(encoding="ascii", errors="replace"))
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else 0


def limit_bytes(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """The lowest memory limit of this process's cgroup and those above it; None: no limit.

    See cgroups(7): version 2 has `memory.max`, version 1 `memory/memory.limit_in_bytes`. A
    container sees its own cgroup as the root, whatever path /proc names.
    """
    limits = [limit for limit in map(_limit, _files(proc, cgroups)) if limit is not None]
    return min(limits, default=None)


def _files(proc: Path, cgroups: Path) -> Iterator[Path]:
    try:
        lines = proc.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", maxsplit=2)
        cgroup = PurePosixPath(path.lstrip("/"))
        for each in (cgroup, *cgroup.parents):
            if not controllers:
                yield cgroups / each / "memory.max"
            elif "memory" in controllers.split(","):
                yield cgroups / "memory" / each / "memory.limit_in_bytes"


def _limit(file: Path) -> int | None:
    try:
        limit = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # Not visible here, or "max".
    return limit if limit < _NO_LIMIT else None
