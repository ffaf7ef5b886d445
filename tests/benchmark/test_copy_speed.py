"""The copy must not become slow unnoticed: see `copy_cpu` for what is measured, and why so."""

from benchmark import copy_cpu

_ROWS = 300_000
# By the clock it is 0.7: there the waits for both servers come on top.
_LEAST_SHARE = 0.8
_TRIES = 3


def test_the_copy_reaches_most_of_what_a_raw_copy_does():
    shares = copy_cpu.shares(_ROWS, tries=_TRIES, enough=_LEAST_SHARE)
    assert max(shares) >= _LEAST_SHARE, shares
