"""Names: what both databases take, and what the target cannot have."""

import pytest

from etl_sales_target.core.names import TableName, column_name_fault, table_name, target_name


def test_a_name_in_lower_case() -> None:
    assert table_name("APPS.Some_View$1#") == TableName("apps", "some_view$1#")


@pytest.mark.parametrize(
    "text", ["t", "a.b.c", "a.", ".b", 'a."b"', "1a.b", "a b.c", "a.b@link", "ä.b", "a.b\n", ""]
)
def test_what_is_no_table(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not SCHEMA\.TABLE"):
        table_name(text)


def test_a_target_is_shorter() -> None:
    assert target_name(f"{'S' * 55}.{'T' * 55}") == TableName("s" * 55, "t" * 55)
    for text in (f"{'s' * 56}.t", f"s.{'t' * 56}"):
        assert str(table_name(text)) == text
        with pytest.raises(ValueError, match="has more than 55 bytes"):
            target_name(text)


def test_the_history_of_the_longest_target_has_a_name_that_postgresql_keeps() -> None:
    history = target_name(f"s.{'t' * 55}").history

    assert history == TableName("s", f"{'t' * 55}_changes")
    assert len(history.name) == 63


@pytest.mark.parametrize("name", ["id", "_", "a$1#", "c" * 63, "exchange_rate", "change", "xmin_"])
def test_a_column(name: str) -> None:
    assert column_name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("c" * 64, "has more than 63 bytes"),
        ("a b", "is not a name"),
        ('a"b', "is not a name"),
        ("größe", "is not a name"),
        ("1a", "is not a name"),
        ("a\n", "is not a name"),
        ("", "is not a name"),
        ("change_run", "begins with change_"),
        ("change_", "begins with change_"),
        *[(name, "PostgreSQL itself") for name in
          ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")],
    ],
)  # fmt: skip
def test_what_is_no_column_of_a_target(name: str, fault: str) -> None:
    assert fault in (column_name_fault(name) or "")
