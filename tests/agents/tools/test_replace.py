"""`edit` replaces a text that stands in the file exactly once, and touches no other byte; else it says what is there."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import EditRefused
from agents.tools.encoding import decoded, unified
from agents.tools.replace import replace_once

lines = st.lists(st.text("ab é", max_size=4), max_size=12)
newline = st.sampled_from(["\n", "\r\n"])


def times(text: str, search: str) -> int:
    return sum(text.startswith(search, place) for place in range(len(text)))


@given(
    lines,
    st.lists(newline, min_size=12, max_size=12),
    st.data(),
    st.text("xyz\n", max_size=8),
    st.sampled_from(["utf-8", "latin-1"]),
)
def test_exactly_one_match_is_replaced_and_no_other_byte(
    rows: list[str], ends: list[str], data: st.DataObject, new: str, codec: str
) -> None:
    content = "".join(row + end for row, end in zip(rows, ends, strict=False))
    before = content.encode(codec)
    text = unified(decoded(before).content)
    start = data.draw(st.integers(0, len(text)))
    search = text[start : data.draw(st.integers(start, len(text)))] or "q"
    if times(text, search) != 1 or search == new:
        with pytest.raises(EditRefused):
            replace_once("f", decoded(before), search, new)
        return
    after = replace_once("f", decoded(before), search, new).data
    assert unified(decoded(after).content if codec == "utf-8" else after.decode(codec)) == text.replace(search, new)
    begin, end = text.find(search), text.find(search) + len(search)
    assert after.startswith(content[: original(content, begin)].encode(codec))
    assert after.endswith(content[original(content, end) :].encode(codec))


def original(content: str, place: int) -> int:
    """Where a place in the text with newlines alone lies in the content, the slow way."""
    at = 0
    for _ in range(place):
        at += 2 if content.startswith("\r\n", at) else 1
    return at


def test_new_lines_end_as_those_around_them() -> None:
    file = decoded(b"a\r\nb\r\nc\n")
    assert replace_once("f", file, "a\nb", "x\ny\nz").data == b"x\r\ny\r\nz\r\nc\n"
    assert replace_once("f", file, "c\n", "c\nd\n").data == b"a\r\nb\r\nc\nd\n"
    assert replace_once("f", decoded(b"a\r\nb"), "b", "b\nc").data == b"a\r\nb\r\nc"


@pytest.mark.parametrize(
    "raw", ["ä = 'ö'\n".encode("latin-1"), "\ufeffä\n".encode(), "ä\n".encode("utf-16"), b"\xff\x80 a\n"]
)
def test_other_encodings_survive(raw: bytes) -> None:
    file = decoded(raw + "x = 1\n".encode(decoded(raw).codec))
    new = replace_once("f", file, "x = 1", "x = 2").data
    assert new == raw + "x = 2\n".encode(file.codec)


def test_a_character_that_the_file_cannot_hold_is_named() -> None:
    with pytest.raises(EditRefused, match=r"latin-1, which has no '→'"):
        replace_once("f", decoded("ä x".encode("latin-1")), "x", "→")


FILE = decoded(
    b"def a():\n    return compute(1, 2)\n\n\ndef b():\n\treturn compute(3, 4)\n\n\ndef c():\n    return 5\n"
)


def refusal(search: str, replacement: str = "new") -> str:
    with pytest.raises(EditRefused) as refused:
        replace_once("m.py", FILE, search, replacement)
    return str(refused.value)


def test_several_matches_are_told_with_their_lines() -> None:
    said = refusal("return compute(")
    assert "2 times in m.py (lines 2, 6)" in said
    assert "     2      return compute(1, 2)" in said


def test_overlapping_matches_are_several() -> None:
    with pytest.raises(EditRefused, match="2 times"):
        replace_once("f", decoded(b"aaa"), "aa", "b")


def test_spaces_that_differ_are_pointed_out() -> None:
    said = refusal("def b():\n    return compute(3, 4)")
    assert "only spaces differ, first in line 6" in said
    assert r"the file has '\treturn compute(3, 4)'" in said


@pytest.mark.parametrize(
    ("text", "search", "said"),
    [
        ("a = 1\nb = 2", "b = 2\n", "ends there without a newline: leave the last line break out"),
        ("x\na = 1\n", "\n\na = 1", "only empty lines differ; the file has:\n     1  x\n     2  a = 1"),
        ("x\na = 1\n\n\nb = 2\ny\n", "a = 1\n\nb = 2\n", "only empty lines differ; the file has:\n     1  x"),
    ],
)
def test_line_breaks_that_differ_are_pointed_out(text: str, search: str, said: str) -> None:
    with pytest.raises(EditRefused, match=said):
        replace_once("f", decoded(text.encode()), search, "c\n")


def test_the_nearest_place_is_shown_with_its_lines() -> None:
    said = refusal("def a():\n    return compute(1, 3)")
    assert said.index("     1  def a():") < said.index("     2      return compute(1, 2)")


def test_line_numbers_in_the_search_text_are_noticed() -> None:
    assert "leave them out" in refusal("     1  def a():\n     2      return compute(1, 2)")


def test_nothing_to_search_and_nothing_to_change() -> None:
    assert "empty" in refusal("")
    assert "nothing would change" in refusal("return 5", "return 5")
    assert "nor anything like it" in refusal("completely else: 💡")


def test_a_long_text_is_compared_in_no_time() -> None:
    rows = [f"    value_{number} = compute(item_{number}, total)" for number in range(2000)]
    search = "\n".join(row.replace("compute", "calculate") for row in rows[500:530])
    begun = time.thread_time()
    with pytest.raises(EditRefused, match=r"The nearest places:\n +501 "):
        replace_once("f", decoded("\n".join(rows).encode()), search, "x")
    assert time.thread_time() - begun < 2  # far more than it takes, but less than letters would


def test_a_large_file_is_compared_in_no_time() -> None:
    big = decoded("".join(f"    value_{number} = compute({number}, other)\n" for number in range(20_000)).encode())
    with pytest.raises(EditRefused, match="value_15000 = compute"):
        replace_once("f", big, "    value_15000 = compute(15000, others)\n    value_15001 = compute(15001, other)", "x")
