"""The fault suite's two sizes, and its seed.

`make test` runs a short part with a fixed seed; SOAK_MINUTES asks for the long one, `make soak`,
FAULT_SEED for another seed.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

SOAK_MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
SEED = int(os.environ.get("FAULT_SEED", "20240229"))

T = TypeVar("T")


def some(number: int, cases: Sequence[T]) -> Sequence[T]:
    """The first of these in the short part, all of them in the long one."""
    return cases if SOAK_MINUTES else cases[:number]
