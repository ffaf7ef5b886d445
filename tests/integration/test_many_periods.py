"""A table with a period for each row: what the job keeps of a period must be small."""

from support.command import Job
from support.source_database import SourceDatabase
from support.target_database import TargetDatabase

_PERIODS = 20_000

# 200,000 periods are to fit into 300 MiB, and a run takes 85 MiB without them.
_MOST_BYTES_A_PERIOD = 1100


def test_each_of_many_periods_takes_little_memory(
    job: Job, source: SourceDatabase, target: TargetDatabase
) -> None:
    job = job.through()  # A new Python: its peak is the run's alone.
    source.insert((n, 1, 1, 2024, n) for n in range(_PERIODS))
    peaks = [_peak_memory(job, "new", 1)]

    source.execute("UPDATE {table} SET target_year = id + 3000")
    peaks.append(_peak_memory(job, "new", _PERIODS))
    source.execute("UPDATE {table} SET target_amount = target_amount + 0.5")
    peaks.append(_peak_memory(job, "changed", _PERIODS))

    assert max(peaks) - peaks[0] < _PERIODS * _MOST_BYTES_A_PERIOD, peaks
    assert target.rows() == source.rows()


def _peak_memory(job: Job, status: str, periods: int) -> int:
    result = job("run")
    assert result.exit_code == 0, result.stderr
    finished = result.event("run_finished")
    assert finished["periods"][status] == periods
    peak: int = finished["peak_memory_bytes"]
    return peak
