import time

from tabletext import parse, render, widths


def test_widths():
    assert widths([["a", "bb"], ["ccc", "d"]]) == [3, 2]
    assert widths([]) == []


def test_numbers_stand_on_the_right():
    assert render(parse("name|n\nann|5\nbob|12")) == "name | n\n-----+---\nann  |  5\nbob  | 12"


def test_a_table_with_gaps():
    assert render(parse("name|n\nann\nbob|12")) == "name | n\n-----+---\nann  |\nbob  | 12"


def test_an_empty_table():
    assert render([]) == ""


def test_a_large_table_in_reasonable_time():
    rows = [["k", "v"]] + [[str(n), str(n * n)] for n in range(20000)]
    began = time.monotonic()
    assert render(rows).count("\n") == 20001
    assert time.monotonic() - began < 30
