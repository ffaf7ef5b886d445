"""SQLAlchemy finds the tables in the stand-in's dictionary, and pandas reads them through it."""

from decimal import Decimal

import pytest

from conformance import source
from conformance.clients import SQLALCHEMY
from conformance.conftest import Reports
from conformance.reports import Report


@pytest.fixture
def report(reports: Reports, personality: str) -> Report:
    return reports(SQLALCHEMY, personality)


def test_tables(report: Report) -> None:
    names = {"bound", "changing", "floats_and_bytes", "many_rows", "moments", "numbers", "texts"}

    assert names <= set(report.answer("tables"))


def test_has_table(report: Report) -> None:
    assert report.answer("has table") == [True, False]


def test_columns(report: Report) -> None:
    assert report.answer("columns") == {
        "many_rows": [
            [name, "NUMBER", True] for name in ("id", "month", "year", "amount", "value")
        ],
        "texts": [
            ["id", "NUMBER", True],
            ["short", "VARCHAR(40)", True],
            ["padded", "CHAR(10)", True],
            ["story", "VARCHAR(4000)", True],
            ["national", "NVARCHAR(2000)", True],
        ],
        "moments": [
            ["id", "NUMBER", True],
            ["day", "DATE", True],
            ["instant", "TIMESTAMP", True],
            ["zoned", "TIMESTAMP", True],
            ["local_zoned", "TIMESTAMP", True],
        ],
    }


def test_frame(report: Report) -> None:
    read = [
        [None if one is None else Decimal(one) for one in row] for row in report.answer("frame")
    ]

    assert read == [list(row[:4]) for row in source.many_rows()]


def test_frame_in_chunks(report: Report) -> None:
    assert report.answer("chunks") == source.MANY
