"""What an issue says of where to look."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.localise.clues import Mention, clues

ISSUE = """parse_price fails

<!-- please read docs/contributing.rst first -->
See `Cart.add` in shop/cart.py:9, or https://github.com/a/b/blob/main/shop/money.py#L7 and https://example.org/not/this.py

```python
from shop.money import parse_price
Cart().add("x", "1,5")
```
"""


def test_paths_are_found_in_prose_and_in_links_to_code_but_not_in_other_links() -> None:
    assert clues(ISSUE).paths == (Mention("shop/money.py", 7), Mention("shop/cart.py", 9))


def test_a_name_in_the_title_weighs_more_than_one_in_a_code_block() -> None:
    names = clues(ISSUE).names
    assert names["parse_price"] == 1.0
    assert names["Cart"] > names["shop"]


def test_what_is_imported_becomes_a_dotted_name() -> None:
    assert {"Cart.add", "shop.money", "shop.money.parse_price"} <= set(clues(ISSUE).dotted)


def test_comments_of_a_template_say_nothing() -> None:
    assert "contributing" not in clues(ISSUE).words


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert clues(text) == clues(text)


@pytest.mark.parametrize(
    "piece",
    [
        "a/",
        "a.",
        "`",
        "(",
        "at ",
        " ",
        "\t",
        "```\n",
        ">>> ",
        "<!--",
        'File "',
        "panicked at '",
        "https://a/",
        "x",
        "a-",
        "a::",
        "at a.b(c.java:1)\n",
    ],
)
def test_a_hostile_issue_costs_no_more_than_a_long_one(piece: str) -> None:
    began = time.process_time()
    clues(piece * (200_000 // len(piece)))
    assert time.process_time() - began < 2
