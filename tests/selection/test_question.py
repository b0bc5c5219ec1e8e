"""Which question is asked: the one that tells most, on the smallest input; never one that tells nothing."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from selection import ask, rank_inputs
from selection.question import bits

Table = tuple[list[dict[str, str]], list[int], dict[str, float]]
CLASSES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    classes = draw(CLASSES)
    results = st.fixed_dictionaries({each: st.sampled_from("123") for each in classes})
    inputs = draw(st.lists(results, max_size=8))
    sizes = [draw(st.integers(1, 20)) for _ in inputs]
    weights = {each: draw(st.floats(0.01, 1.0)) for each in classes}
    return inputs, sizes, weights


def test_the_evenest_split_of_the_weight_is_asked_first() -> None:
    weights = {"a": 0.5, "b": 0.25, "c": 0.25}
    one_of_the_light = {"a": "1", "b": "1", "c": "2"}
    even = {"a": "1", "b": "2", "c": "2"}
    all_three = {"a": "1", "b": "2", "c": "3"}
    assert rank_inputs([one_of_the_light, even, all_three], [1, 9, 9], weights) == (2, 1, 0)
    assert math.isclose(bits(all_three, weights), 1.5)


def test_of_equal_questions_the_smallest_is_asked() -> None:
    split = {"a": "1", "b": "2"}
    assert rank_inputs([split, split, split], [7, 3, 5], {"a": 1.0, "b": 1.0}) == (1, 2, 0)


def test_the_answer_of_the_heaviest_classes_comes_first() -> None:
    question = ask("f(1)", {"a": "1", "b": "2", "c": "2"}, {"a": 0.4, "b": 0.3, "c": 0.3})
    assert question is not None
    assert [(each.result, each.classes) for each in question.answers] == [("2", ("b", "c")), ("1", ("a",))]


@given(tables())
def test_only_what_tells_something_is_asked(table: Table) -> None:
    inputs, sizes, weights = table
    asked = rank_inputs(inputs, sizes, weights)
    assert set(asked) == {place for place, each in enumerate(inputs) if len(set(each.values())) > 1}
    for place, each in enumerate(inputs):
        question = ask("f()", each, weights)
        assert (question is not None) == (place in asked)
        assert question is None or question.classes == each.keys()
        assert 0 <= bits(each, weights) <= math.log2(len(each)) + 1e-9


@given(tables())
def test_the_order_of_classes_does_not_matter(table: Table) -> None:
    inputs, sizes, weights = table
    turned = [dict(reversed(each.items())) for each in inputs]
    assert rank_inputs(turned, sizes, weights) == rank_inputs(inputs, sizes, weights)
    assert [ask("f()", each, weights) for each in turned] == [ask("f()", each, weights) for each in inputs]
