"""Ranking: the laws that hold for every repository, and the first file of some small real ones."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.localise import rank_files
from tests.agents.localise.repositories import REAL, SHOP, real

TRACEBACK = """Something odd happens

Traceback (most recent call last):
  File "/home/ann/run.py", line 1, in <module>
  File "/venv/lib/python3.11/site-packages/shop/cart.py", line 9, in add
  File "/venv/lib/python3.11/site-packages/shop/locale.py", line 2, in decimal_mark
  File "/usr/lib/python3.11/decimal.py", line 4, in __new__
ValueError
"""


@pytest.mark.parametrize("name", REAL)
def test_the_file_of_the_fix_is_among_the_first_two_of_a_small_real_repository(name: str) -> None:
    issue, files = real(name)
    assert REAL[name] in rank_files(issue, files).paths[:2]


@settings(deadline=None, max_examples=50)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_change_the_ranking(shuffler: random.Random) -> None:
    order = list(SHOP)
    shuffler.shuffle(order)
    assert rank_files("parse_price fails", {path: SHOP[path] for path in order}) == rank_files(
        "parse_price fails", SHOP
    )


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(["other/zebra.py", "zoo.md", "a/b/giraffe.rs"]), st.integers(1, 200))
def test_an_unrelated_file_does_not_change_who_is_first(path: str, length: int) -> None:
    files = {**SHOP, path: "giraffe = zebra + okapi\n" * length}
    for issue in (
        "parse_price fails for a price with a comma",
        TRACEBACK,
        "Mailer.send loses the body",
        "total of an empty cart",
    ):
        assert rank_files(issue, files).paths[0] == rank_files(issue, SHOP).paths[0]


def test_the_innermost_frame_of_the_repository_ranks_first() -> None:
    ranking = rank_files(TRACEBACK, SHOP)
    assert ranking.paths[0] == "shop/locale.py"
    assert "shop/cart.py" in ranking.paths[:3]
    assert ranking.files[0].symbols[0].symbol.name == "decimal_mark"
    assert ranking.files[0].why["framed"] > next(each for each in ranking if each.path == "shop/cart.py").why["framed"]


def test_a_path_that_the_issue_names_ranks_first() -> None:
    assert rank_files("Please look at shop/mail.py", SHOP).paths[0] == "shop/mail.py"


def test_a_defined_name_beats_a_file_that_only_uses_it_and_tests_come_later() -> None:
    paths = rank_files("parse_price fails", SHOP).paths
    assert paths[0] == "shop/money.py"
    assert paths.index("tests/test_cart.py") > paths.index("shop/cart.py")


def test_symbols_come_with_their_lines_and_the_named_one_first() -> None:
    best = rank_files("`Cart.total` is wrong", SHOP).files[0]
    assert best.path == "shop/cart.py"
    assert (best.symbols[0].symbol.qualified, best.symbols[0].symbol.line) == ("Cart.total", 11)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=300))
def test_any_issue_ranks_every_file_with_falling_scores(issue: str) -> None:
    ranking = rank_files(issue, SHOP)
    scores = [each.score for each in ranking]
    assert set(ranking.paths) == set(SHOP)
    assert all(0 <= score <= 1 for score in scores)
    assert all(left >= right - 1e-9 for left, right in itertools.pairwise(scores))


def test_an_empty_repository_and_an_empty_issue_have_rankings() -> None:
    assert rank_files("anything", {}).paths == ()
    assert rank_files("", SHOP).paths == tuple(sorted(SHOP))
