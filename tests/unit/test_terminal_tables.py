"""events.management.tables: what commands print on a terminal."""

import pytest

from events.management.tables import cell, facts, grouped, table


def test_columns_stand_under_each_other():
    lines = list(table(("Key", "Size"), [("a", "1.5"), ("longer", "10.25")]))

    assert lines == ["Key      Size", "a         1.5", "longer  10.25"]


def test_the_first_column_is_aligned_left_even_if_it_holds_numbers():
    assert list(table(("id", "n"), [(7, 1), (1234, 22)])) == ["id     n", "7      1", "1234  22"]


def test_text_is_aligned_left_and_no_line_ends_with_blanks():
    lines = list(table(("topic", "state"), [("posts.parsed", "done"), ("a", "")]))

    assert lines == ["topic         state", "posts.parsed  done", "a             -"]


@pytest.mark.parametrize("absent", [None, "", "-", "—"])
def test_an_absent_number_does_not_turn_a_column_into_text(absent):
    lines = list(table(("name", "seconds"), [("a", absent), ("b", 1.25)]))

    assert lines[2] == "b         1.2"
    assert len(lines[1]) == len(lines[0])


def test_a_column_without_any_value_is_text():
    assert list(table(("name", "error"), [("a", None)])) == ["name  error", "a     -"]


def test_a_table_without_rows_is_its_head():
    assert list(table(("Key", "Size"), [])) == ["Key  Size"]


def test_facts_stand_under_each_other_and_group_large_numbers():
    rows = {"Allowed": True, "Tokens used": 12345, "Model": None, "Size": "3.20 GiB"}

    assert list(facts(rows)) == [
        "Allowed      true",
        "Tokens used  12 345",
        "Model        -",
        "Size         3.20 GiB",
    ]


def test_no_facts_are_no_lines():
    assert list(facts({})) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (None, "-"), ("", "-"), (0, "0"), (0.05, "0.1"),
     (1234, "1234"), ("text", "text")],
)  # fmt: skip
def test_a_cell_is_the_value_as_text(value, text):
    assert cell(value) == text


def test_thousands_are_grouped():
    assert [grouped(n) for n in (999, 1000, 1234567)] == ["999", "1 000", "1 234 567"]
