"""When a trajectory ends that brings nothing new; and what it is told before."""

from __future__ import annotations

import json
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from agents.trajectory.said import Said, TestRun
from agents.trajectory.stops import Limits, Standing, next_step

Turn = tuple[Said, str]  # and the diff that it leaves
LIMITS = Limits(rounds=1000, turns=1000)


def plan(text: str, *, tests: bool | None = None, name: str = "r") -> Said:
    runs = () if tests is None else (TestRun("", tests),)
    return Said(results=((name, f"{name} = {text}", ""),), tests=runs, ok=tests is not False)


def told(turns: Iterable[Turn]) -> list[str]:
    """What each turn is told, up to the end."""
    standing, found = Standing(), list[str]()
    for said, patch in turns:
        standing = Standing.from_data(json.loads(json.dumps(standing.as_data()))).after(said, patch)
        step = next_step(standing, said, LIMITS, room=True)
        found.append(step.why or standing.told)
        if step.next == "finish":
            break
    return found


DONE = "you have done this already, and nothing has changed since"
FAILED = "you have tested this diff already, and it failed"


def test_two_plans_in_turn_end_it_after_one_warning() -> None:
    a, b = (plan("read(path='a')"), ""), (plan("read(path='b')"), "")
    assert told([a, b, a, b, a]) == ["", "", DONE, f"no progress: {DONE}"]


def test_other_names_make_no_other_plan() -> None:
    assert told([(plan("read(path='a')", name=name), "") for name in "abc"]) == ["", DONE, f"no progress: {DONE}"]


def test_tests_may_run_twice_and_anything_may_be_done_again_once_the_diff_is_another() -> None:
    tests, look = plan("run_tests()", tests=False), plan("read(path='a')")
    turns = [(tests, "1"), (tests, "1"), (look, "1"), (plan("edit()"), "2"), (tests, "2"), (look, "2"), (tests, "2")]
    assert told(turns) == ["", DONE, "", "", "", "", DONE]


def test_a_diff_that_failed_and_comes_back_is_no_progress() -> None:
    turns = [(plan(f"edit({number})", tests=False), "ab"[number % 2]) for number in range(6)]
    assert told(turns) == ["", "", FAILED, f"no progress: {FAILED}"]
    undone = [(plan(f"edit({number})", tests=False), "a" if number % 2 == 0 else "") for number in range(6)]
    assert told(undone) == ["", "", FAILED, "", f"no progress: {FAILED}"]


def test_a_diff_that_comes_back_and_passes_is_progress() -> None:
    turns = [(plan(f"edit({number})", tests=number > 1), "ab"[number % 2]) for number in range(6)]
    assert told(turns) == [""] * 6


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["", "a", "b", "c"]), st.sampled_from([None, False])), max_size=40
    )
)
def test_it_ends_by_the_second_repeat_in_sight_of_one_diff(turns: list[tuple[int, str, bool | None]]) -> None:
    found = told([(plan(f"look({number})", tests=tests), patch) for number, patch, tests in turns])
    assert all(not each.startswith("no progress") for each in found[:-1])
    seen = set[int]()
    repeats, before = 0, ""
    for number, patch, _ in turns[: len(found) - 1]:  # of those after which it went on
        if patch != before:
            seen, repeats, before = set(), 0, patch
        repeats += number in seen
        seen.add(number)
        assert repeats < LIMITS.repeats


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=150), st.booleans())
def test_what_was_never_done_is_progress_and_what_is_kept_is_bounded(plans: list[int], edits: bool) -> None:
    turns = [(plan(f"look({number})", tests=False), str(number) if edits else "") for number in plans]
    assert told(turns) == [""] * len(turns)
    standing = Standing()
    for said, patch in turns:
        standing = standing.after(said, patch)
    assert len(json.dumps(standing.as_data())) < 4000


def test_what_was_read_before_the_conversation_was_condensed_may_be_read_again() -> None:
    look = plan("read(path='a')")
    standing = Standing().after(look, "").after_condensing.after(look, "")
    assert (standing.repeats, standing.told) == (0, "")


def test_a_round_counts_where_more_than_its_own_tests_changed() -> None:
    standing, failing = Standing(), plan("run_tests()", tests=False)
    for patch, mends in (("test", False), ("other test", False), ("fix", True), ("fix", True), ("other fix", True)):
        standing = standing.after(failing, patch, mends=mends)
    assert standing.rounds == 2
