"""The memory limit, from cgroup trees as kernels show them."""

import subprocess
import sys
from pathlib import Path

import pytest

from etl_sales_target.runtime import memory

MIB = 1 << 20

# What /proc/self/cgroup says, what the files under /sys/fs/cgroup hold, and the limit.
CASES = {
    "version 2, a container": ("0::/\n", {"memory.max": f"{256 * MIB}\n"}, 256 * MIB),
    "version 2, no limit": ("0::/\n", {"memory.max": "max\n"}, None),
    "version 2, the root has no file": ("0::/\n", {}, None),
    "version 2, a service in a slice": (
        "0::/batch.slice/etl.service\n",
        {
            "batch.slice/memory.max": f"{100 * MIB}",
            "batch.slice/etl.service/memory.max": f"{200 * MIB}",
        },
        100 * MIB,
    ),
    "version 1, a container, which sees the host's path": (
        "4:memory:/kubepods/burstable/pod1/abc\n1:name=systemd:/kubepods/abc\n",
        {"memory/memory.limit_in_bytes": f"{128 * MIB}"},
        128 * MIB,
    ),
    "version 1, no limit": (
        "4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None,
    ),
    "version 1 beside an empty version 2": (
        "5:cpu,memory:/etl\n0::/\n", {"memory/etl/memory.limit_in_bytes": f"{MIB}"}, MIB,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "files", "limit"), CASES.values(), ids=CASES)
def test_limit(tmp_path: Path, said: str, files: dict[str, str], limit: int | None) -> None:
    proc, cgroups = tmp_path / "cgroup", tmp_path / "cgroups"
    proc.write_text(said)
    for name, content in files.items():
        file = cgroups / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    assert memory.limit_bytes(proc, cgroups) == limit


def test_no_cgroups_at_all(tmp_path: Path) -> None:
    assert memory.limit_bytes(tmp_path / "none", tmp_path) is None


def test_the_peak_grows_with_what_is_used() -> None:
    before = memory.peak_bytes()
    held = bytearray(before + 8 * MIB)  # Zeroed, so really there.
    held[:: 1 << 12] = b"x" * len(held[:: 1 << 12])

    assert memory.peak_bytes() >= before + 8 * MIB


def test_the_peak_is_that_of_this_program_and_not_of_its_parent() -> None:
    ballast = bytearray(b"x") * (300 * MIB)
    program = "from etl_sales_target.runtime import memory; print(memory.peak_bytes())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    del ballast

    assert 5 * MIB < int(done.stdout) < 100 * MIB


def test_without_a_status_file_nothing_is_claimed(tmp_path: Path) -> None:
    assert memory.peak_bytes(tmp_path / "none") == 0
