from tabletext import parse
from tabletext.parse import split_row, square


def test_cells_are_stripped():
    assert split_row(" a | b ") == ["a", "b"]


def test_a_separator_can_be_escaped():
    assert split_row("a\\|b|c") == ["a|b", "c"]


def test_comments_and_empty_lines_are_left_out():
    assert parse("# note\n\na|b\n1|2\n") == [["a", "b"], ["1", "2"]]


def test_short_rows_are_filled_up():
    assert parse("a|b|c\n1\n1|2\n") == [["a", "b", "c"], ["1", "", ""], ["1", "2", ""]]


def test_nothing_is_square():
    assert square([]) == []
