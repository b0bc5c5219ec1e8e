"""Terms: prose and code meet, whatever the style of the names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.localise.terms import fold, parts, terms


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("parse_http_date", {"parse", "http", "date", "parse_http_date"}),
        ("parseHTTPDate", {"parse", "http", "date", "parsehttpdate"}),
        ("HTTPServer", {"http", "server", "httpserver"}),
        ("__init__", {"init"}),
        ("queries", {"query"}),
        ("utf8_decode", {"utf", "decode", "utf8_decode"}),
        ("größeÄndern", {"größe", "ändern"}),
        ("the", set()),
    ],
)
def test_a_name_is_its_parts_and_itself(name: str, expected: set[str]) -> None:
    assert expected <= set(parts(name))


@pytest.mark.parametrize(
    ("word", "folded"),
    [("queries", "query"), ("indexes", "index"), ("classes", "class"), ("fields", "field"), ("status", "status")],
)
def test_plurals_meet_their_singular(word: str, folded: str) -> None:
    assert fold(word) == folded


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_text_has_terms(text: str) -> None:
    assert all(count > 0 and term == term.lower() for term, count in terms(text).items())
