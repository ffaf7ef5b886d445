"""The file of table definitions: what is understood, and one clear sentence for each mistake."""

import re
import textwrap
from pathlib import Path

import pytest

from etl_sales_target.config import tables_file
from etl_sales_target.core.definitions import (
    MonthOfDate,
    TableDefinition,
    YearAndMonth,
    sales_target,
)
from etl_sales_target.core.errors import ConfigurationError
from etl_sales_target.core.names import TableName

FILE = "/etc/tables.yaml"


def read(text: str) -> list[TableDefinition]:
    return tables_file.definitions(textwrap.dedent(text), file=FILE)


def refused(text: str) -> ConfigurationError:
    """The error about this text: one sentence, and another that says what is allowed."""
    with pytest.raises(ConfigurationError) as e:
        read(text)
    assert e.value.exit_code == 78
    for sentence in (e.value.message, e.value.remedy or ""):
        assert re.fullmatch(r"[^\n]+[.?]", sentence)
    return e.value


def table(*lines: str) -> str:
    """A file whose one table has these further lines: the first of them is line 4 of the file."""
    start = ["tables:", "  - source: APPS.ORDERS", "    target: mb.orders"]
    return "\n".join([*start, *(f"    {line}" for line in lines)])


class TestUnderstood:
    def test_the_sales_target_as_it_is_built_in(self) -> None:
        text = """
            tables:
              - source: APPS.KHS_CUSTOMERS_TRX_TARGETS
                target: mb.sales_target
                columns: [id, product_id, target_month, target_year, target_amount]
                period: {year: target_year, month: target_month}
                key: [id]
        """
        names = (TableName("apps", "khs_customers_trx_targets"), TableName("mb", "sales_target"))

        assert read(text) == [sales_target(*names)]

    def test_every_key_with_names_in_lower_case(self) -> None:
        text = """
            tables:
              - source: Apps.Orders$1
                target: MB.Orders#
                columns: [ID, "Ordered_On", note]
                period:
                  date: Ordered_On
                key: [Id]
                history: false
                load_columns: [Loaded_At, change_note]
        """

        assert read(text) == [
            TableDefinition(
                source=TableName("apps", "orders$1"),
                target=TableName("mb", "orders#"),
                columns=("id", "ordered_on", "note"),
                period=MonthOfDate("ordered_on"),
                key=("id",),
                history=False,
                load_columns=("loaded_at", "change_note"),
            )
        ]

    def test_the_defaults(self) -> None:
        assert read(table()) == [
            TableDefinition(source=TableName("apps", "orders"), target=TableName("mb", "orders"))
        ]

    def test_period_and_key_of_a_source_whose_columns_are_not_listed(self) -> None:
        [found] = read(table("period: {year: y, month: m}", "key: [id]"))

        assert found.period == YearAndMonth("y", "m")
        assert found.key == ("id",)

    def test_the_order_is_the_files(self) -> None:
        text = "tables:\n" + "".join(f"  - {{source: s.t, target: t.t{n}}}\n" for n in (2, 1, 3))

        assert [str(found.target) for found in read(text)] == ["t.t2", "t.t1", "t.t3"]

    @pytest.mark.parametrize("name", ["no", "on", "yes", "off", "y", "n", "nan", "_1e3"])
    def test_words_that_are_texts_in_yaml_1_2(self, name: str) -> None:
        [found] = read(table(f"columns: [{name}]"))

        assert found.columns == (name,)

    @pytest.mark.parametrize("name", ["null", "true", "False"])
    def test_words_that_yaml_1_2_keeps_need_quotes(self, name: str) -> None:
        assert "columns cannot have" in refused(table(f"columns: [{name}]")).message

        [found] = read(table(f"columns: ['{name}']"))
        assert found.columns == (name.lower(),)

    @pytest.mark.parametrize("before", ["\ufeff", "%YAML 1.2\n---\n", "# a comment\n\n", "---\n"])
    def test_what_may_stand_before(self, before: str) -> None:
        assert len(read(before + table())) == 1

    def test_windows_line_ends(self) -> None:
        text = table("columns: [id]", "key: [id]").replace("\n", "\r\n")

        assert read(text)[0].key == ("id",)
        assert "line 4" in refused(table("colums: [id]").replace("\n", "\r\n")).message

    def test_the_longest_names(self) -> None:
        text = table(f"columns: [{'c' * 63}]").replace("mb.orders", f"{'s' * 55}.{'t' * 55}")

        assert read(text)[0].columns == ("c" * 63,)

    def test_a_source_may_be_loaded_into_two_targets(self) -> None:
        text = table() + "\n  - {source: APPS.ORDERS, target: mb.orders_2}"

        assert len(read(text)) == 2

    def test_the_name_of_a_history_that_is_not_kept(self) -> None:
        text = table("history: false") + "\n  - {source: a.b, target: mb.orders_changes}"

        assert len(read(text)) == 2


# What is written from line 4 on; where the mistake is; what is said of it; what is said is allowed.
MISTAKES = {
    "unknown_key": (["colums: [id]"], 4, "the key 'colums' is unknown", "Did you mean columns?"),
    "key_in_capitals": (["COLUMNS: [id]"], 4, "the key 'COLUMNS' is unknown", "mean columns?"),
    "key_like_no_other": (["zzz: 1"], 4, "the key 'zzz' is unknown", "The keys are source,"),
    "merge_key": (["<<: {history: false}"], 4, "the key '<<' is unknown", "The keys are"),
    "unknown_key_of_the_period": (["period:", "  yeer: a"], 5, "'yeer' is unknown", "mean year?"),
    "text_for_columns": (["columns: id"], 4, "columns cannot be 'id'", "list of the columns"),
    "no_columns": (["columns: []"], 4, "columns cannot be an empty list", "list of the columns"),
    "columns_left_empty": (["columns:"], 4, "columns cannot be null", "list of the columns"),
    "too_many_columns": (
        [f"columns: [{', '.join(f'c{n}' for n in range(491))}]"],
        4, "columns cannot be a list", "at most 490",
    ),
    "number_as_column": (["columns: [1]"], 4, "columns cannot have '1'", "A column's name"),
    "list_as_column": (["columns:", "  - id", "  - [a]"], 6, "cannot have a list", "name consists"),
    "quote_in_a_column": (
        ["columns:", "  - id", "  - 'x\"y'"], 6, "columns cannot have 'x\"y'", "63 letters",
    ),
    "sql_in_a_column": (["columns: [id FROM dual--]"], 4, "'id FROM dual--'", "63 letters"),
    "accent_in_a_column": (["columns: [größe]"], 4, "columns cannot have 'größe'", "63 letters"),
    "column_of_64_bytes": (
        ["columns:", f"  - {'c' * 64}"], 5, f"columns cannot have {'c' * 60!r}…", "at most 63",
    ),
    "line_end_in_a_column": (['columns: ["id\\n"]'], 4, r"cannot have 'id\n'", "63 letters"),
    "column_twice": (["columns:", " - id", " - ID"], 6, "has the column id twice", "once"),
    "load_column_twice": (["load_columns: [a, A]"], 4, "load_columns has the column a", "once"),
    "column_of_the_history": (
        ["columns: [id,", "  CHANGE_RUN]"], 5, "change_run begins with change_", "Leave it out",
    ),
    "key_of_the_history": (["key: [change_x]"], 4, "change_x begins with change_", "Leave it out"),
    "key_that_is_not_loaded": (
        ["columns: [id, a]", "key: [id, b]"], 5, "column b of key is not in columns", "are id, a.",
    ),
    "year_that_is_not_loaded": (
        ["columns: [m]", "period:", "  month: M", "  year: y"],
        7, "column y of period is not in columns", "The columns are m.",
    ),
    "date_that_is_not_loaded": (
        ["columns: [id]", "period: {date: d}"], 5, "d of period is not in columns", "are id.",
    ),
    "load_column_that_is_loaded": (
        ["columns: [id]", "load_columns: [ID]"],
        5, "id of load_columns is in columns too", "A column is either loaded or",
    ),
    "period_of_a_year": (["period: {year: y}"], 4, "period cannot be {year}", "{date: COLUMN}"),
    "period_of_too_much": (
        ["period: {year: y, month: m, date: d}"], 4, "cannot be {year, month, date}", "COLUMN}",
    ),
    "period_with_one_column": (
        ["period:", "  year: p", "  month: P"], 4, "period has the column p twice", "once",
    ),
    "quoted_period": (["period: {date: 'a b'}"], 4, "date cannot be 'a b'", "A column's name"),
    "history_in_other_words": (["history: yes"], 4, "history cannot be 'yes'", "true or false"),
    "same_key_again": (["target: mb.o"], 4, "the key 'target' is repeated", "only once"),
    "key_that_is_a_list": (["? [a]", ": b"], 4, "a key is a list or a mapping", "must be a text."),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "number", "said", "allowed"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_table(lines: list[str], number: int, said: str, allowed: str) -> None:
    error = refused(table(*lines))

    named = "number 1" if "a key is" in said or "repeated" in said else "mb.orders"
    assert error.message.startswith(f"{FILE}, line {number}, table {named}: ")
    assert said in error.message
    assert allowed in (error.remedy or "")


@pytest.mark.parametrize("name", ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "CTID"])
def test_a_column_with_the_name_of_a_system_column(name: str) -> None:
    said = f"line 4, table mb.orders: the column {name.lower()} has the name of a column that"

    assert said in refused(table(f"columns: [id, {name}]")).message
    assert said in refused(table(f"key: [{name}]")).message
    assert said in refused(table(f"period: {{date: {name}}}")).message


# Further tables, from line 4 on.
CLASHES = {
    "one_target_twice": (
        ["{source: a.b, target: mb.orders}"], 4, "mb.orders is already the target of table",
        "Each target has one source",
    ),
    "one_target_in_two_cases": (
        ["{source: a.b, target: x.y}", "{source: a.b, target: MB.Orders}"],
        5, "mb.orders is already the target of table number 1", "differ only in case",
    ),
    "history_of_another": (
        ["{source: a.b, target: mb.Orders_changes}"],
        4, "mb.orders_changes is reserved for the change history of mb.orders",
        "set history: false for mb.orders",
    ),
    "the_ledgers_runs": (
        ["{source: a.b, target: x.etl_sales_target_runs}"],
        4, "x.etl_sales_target_runs is a table of the job's own ledger", "any name but",
    ),
    "the_ledgers_periods": (
        ["{source: a.b, target: x.ETL_SALES_TARGET_PERIODS}"],
        4, "x.etl_sales_target_periods is a table of the job's own ledger", "any name but",
    ),
    "no_target": (["{source: a.b}"], 4, "table number 2: target is missing", "a source and"),
    "no_source": (["{target: a.b}"], 4, "table a.b: source is missing", "a source and a target"),
    "misspelt_target": (["{source: a.b, tarket: c.d}"], 4, "'tarket' is unknown", "mean target?"),
    "target_without_schema": (
        ["{source: a.b, target: orders}"], 4, "target cannot be 'orders'", "as SCHEMA.TABLE",
    ),
    "quotes_in_a_target": (
        ["source: a.b", '  target: a."b"'], 5, "target cannot be 'a.\"b\"'", "as SCHEMA.TABLE",
    ),
    "sql_in_a_source": (
        ["source: a.b WHERE 1=1", "  target: a.b"], 4, "be 'a.b WHERE 1=1'", "SCHEMA.TABLE",
    ),
    "name_of_56_bytes": (
        [f"{{source: a.b, target: a.{'t' * 56}}}"], 4, f"cannot be 'a.{'t' * 56}'", "most 55",
    ),
    "schema_of_56_bytes": (
        [f"{{source: a.b, target: {'s' * 56}.t}}"], 4, "target cannot be", "at most 55",
    ),
    "text_for_a_table": (["a.b"], 4, "table number 2: tables cannot have 'a.b'", "has a source"),
    "nothing_for_a_table": ([""], 4, "table number 2: tables cannot have null", "has a source"),
}  # fmt: skip


@pytest.mark.parametrize(("tables", "number", "said", "allowed"), CLASHES.values(), ids=CLASHES)
def test_a_mistake_in_a_further_table(
    tables: list[str], number: int, said: str, allowed: str
) -> None:
    lines = [line if line.startswith("  ") else f"- {line}" for line in tables]
    error = refused("\n".join([table(), *(f"  {line}" for line in lines)]))

    assert error.message.startswith(f"{FILE}, line {number}, table ")
    assert said in error.message
    assert allowed in (error.remedy or "")


TEXTS = {
    "nothing": ("", 1, "the file cannot be null"),
    "a_comment": ("# tables\n", 1, "the file cannot be null"),
    "a_list": ("- source: a.b", 1, "the file cannot be a list"),
    "no_tables": ("tables: []", 1, "tables cannot be an empty list"),
    "tables_left_empty": ("\ntables:\n", 2, "tables cannot be null"),
    "misspelt_tables": ("# x\ntable: []", 2, "the key 'table' is unknown"),
    "more_than_tables": (
        "tables:\n  - {source: a.b, target: c.d}\nx: 1",
        3,
        "the key 'x' is unknown",
    ),
    "tab": ("tables:\n\t- source: a.b", 2, "it has a tab"),
    "anchor": ("tables: &all []", 1, "it has an anchor or an alias (& or *)"),
    "alias": ("tables:\n  - *orders", 2, "it has an anchor or an alias (& or *)"),
    "tag": ("tables:\n  - !!python/object:os.system {}", 2, "it has a tag (!)"),
    "a_little_too_deep": ("[" * 17 + "]" * 17, 1, "it is nested more than 16 levels deep"),
    "too_deep": ("[" * 20_000, 1, "it is nested more than 16 levels deep"),
    "same_key_again": ("tables: []\ntables: []", 2, "the key 'tables' is repeated"),
    "two_documents": ("tables: []\n---\na: []", 2, "it is not YAML: found another document"),
    "open_quote": ("tables: 'x\n", 1, "it is not YAML: found unexpected end of stream"),
    "open_bracket": ("tables: [\nx: 1", 2, "it is not YAML: did not find expected ',' or ']'"),
    "control_character": ("# ä\ntables:\n  - \x00", 3, "it has the character 0x0000"),
    "other_version": ("%YAML 2.0\n---\ntables: []", 1, "it is not YAML: found incompatible"),
}


@pytest.mark.parametrize(("text", "number", "said"), TEXTS.values(), ids=TEXTS)
def test_a_mistake_outside_of_a_table(text: str, number: int, said: str) -> None:
    assert refused(text).message.startswith(f"{FILE}, line {number}: {said}")


class TestFile:
    def test_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "tables.yaml"
        path.write_text(table())

        assert tables_file.read(path) == read(table())

    def mistake(self, path: Path) -> str:
        with pytest.raises(ConfigurationError, match="at most 1 MiB") as e:
            tables_file.read(path)
        assert str(path) in e.value.message
        assert e.value.exit_code == 78
        return e.value.message

    def test_that_is_missing(self, tmp_path: Path) -> None:
        assert "cannot be read: No such file or directory." in self.mistake(tmp_path / "none")

    def test_that_is_a_folder(self, tmp_path: Path) -> None:
        assert "cannot be read: Is a directory." in self.mistake(tmp_path)

    def test_that_is_not_ours_to_read(self, tmp_path: Path) -> None:
        # Opening one end of a loop of links fails for root too, unlike a file without its bits.
        path = tmp_path / "loop"
        path.symlink_to(path)

        assert "cannot be read: Too many levels" in self.mistake(path)

    def test_that_is_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "latin"
        path.write_bytes("# größe\ntables:\n  - größe".encode("latin-1"))

        assert "line 1: it is not UTF-8." in self.mistake(path)

    def test_of_a_million_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "long"
        path.write_text("#\n" * 1_000_000)

        assert "has more than 1 MiB." in self.mistake(path)

    def test_of_just_a_mebibyte(self, tmp_path: Path) -> None:
        path = tmp_path / "long"
        path.write_text((table() + "\n#").ljust(1 << 20, "#"))

        assert len(tables_file.read(path)) == 1

    def test_without_end(self) -> None:
        assert "has more than 1 MiB." in self.mistake(Path("/dev/zero"))
