"""What follows a ranking: the map of the prompt, samples for siblings, a second opinion."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.localise import Ranking, Snippet, index, merge, rank_files, refine, repository_map, sample_context
from tests.agents.localise.repositories import SHOP, real

ISSUE = "parse_price fails in Cart.add"
RANKING = rank_files(ISSUE, SHOP)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 3000))
def test_a_map_never_exceeds_its_budget_and_is_the_same_each_time(budget: int) -> None:
    drawn = repository_map(SHOP, RANKING, budget)
    assert len(drawn) <= budget
    assert drawn == repository_map(dict(reversed(SHOP.items())), RANKING, budget)


def test_a_map_shows_the_best_files_in_detail_and_every_file_by_name() -> None:
    drawn = repository_map(SHOP, RANKING, 4000)
    assert drawn.index("shop/money.py\n* def parse_price(text)  [5-7]") < drawn.index("shop/mail.py")
    assert "*   def add(self, item, price)  [8-9]" in drawn
    assert "shop/: __init__.py cart.py locale.py mail.py money.py\n" in drawn


def test_a_small_budget_keeps_the_best_file() -> None:
    assert "money.py" in repository_map(SHOP, RANKING, 300)


def test_a_map_of_thousands_of_files_counts_what_it_cannot_name() -> None:
    files = {f"pkg{number % 40:02}/module_{number}.py": f"def function_{number}(): ...\n" for number in range(2000)}
    drawn = repository_map(files, rank_files("function_77 fails", files), 3000)
    assert drawn.index("def function_77()") < drawn.index("# All files")
    assert "pkg00/: 50 files\n" in drawn


def test_siblings_see_different_files_and_always_the_first() -> None:
    ranking = rank_files(
        "jobs and retries of the queue", {f"a{number}.py": "queue retry job\n" * number for number in range(1, 40)}
    )
    samples = [sample_context(ranking, seed, size=5, always=2) for seed in range(20)]
    assert samples[0] == ranking.top(5)
    assert all(each.paths[:2] == ranking.paths[:2] and len(each) == 5 for each in samples)
    assert len({each.paths for each in samples}) > 10
    assert samples == [sample_context(ranking, seed, size=5, always=2) for seed in range(20)]


@settings(deadline=None, max_examples=50)
@given(st.integers(), st.integers(1, 9))
def test_a_sample_keeps_the_order_of_the_ranking(seed: int, size: int) -> None:
    sample = sample_context(RANKING, seed, size=size)
    places = [RANKING.paths.index(path) for path in sample.paths]
    assert places == sorted(set(places))
    assert len(sample) == min(size, len(RANKING))


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="size 0"):
        sample_context(RANKING, 1, size=0)


async def test_a_second_opinion_sees_snippets_and_moves_files() -> None:
    async def relevance(issue: str, snippets: Sequence[Snippet]) -> Mapping[str, float]:
        assert issue == ISSUE
        assert any("def parse_price" in each.text for each in snippets)
        return {"shop/locale.py": 1.0, "shop/money.py": 0.0, "shop/cart.py": 0.1, "not/there.py": 1.0}

    refined = await refine(ISSUE, RANKING, index(SHOP), relevance, weight=0.9)
    assert refined.paths[0] == "shop/locale.py"
    assert set(refined.paths) == set(RANKING.paths)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from([*SHOP, "x"]), st.floats()), st.floats(0, 1), st.integers(0, 9))
def test_no_answer_loses_a_file_or_lets_scores_rise(answer: dict[str, float], weight: float, top: int) -> None:
    merged = merge(RANKING, answer, top=top, weight=weight)
    scores = [each.score for each in merged]
    assert set(merged.paths) == set(RANKING.paths)
    assert set(merged.paths[:top]) == set(RANKING.paths[:top])
    assert all(left >= right - 1e-9 for left, right in itertools.pairwise(scores))


def test_no_opinion_changes_nothing() -> None:
    assert merge(RANKING, {}).paths == RANKING.paths
    assert merge(Ranking(()), {"a": 1.0}).paths == ()


def test_a_map_of_a_real_repository_names_its_bug() -> None:
    issue, files = real("stockroom")
    assert "def reserve(" in repository_map(files, rank_files(issue, files), 2000)
