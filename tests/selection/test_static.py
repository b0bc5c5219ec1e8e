"""Choosing without running anything."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection import Candidate, Change, Provenance, Record, calibrate, look, rank_static, source_standing
from selection.edits import changed_blocks, edit
from selection.features import AGREEMENTS, features, likeness
from selection.scorer import MODELS, shipped

BASE = "def f(a, b):\n    if a < b:\n        return a\n    return b\n"
EDITS = ("<=", ">", ">=", "!=", "==", "is")


def candidate(name: str, after: str, *, path: str = "m.py", family: str | None = None) -> Candidate:
    provenance = Provenance("submission", source=name, family=family)
    return Candidate(name, b"", (Change(path, BASE.encode(), after.encode()),), provenance)


STRICT = candidate("strict", BASE.replace("<", "<="))
OTHER = candidate("other", BASE.replace("return b", "return None"))
AGAIN = candidate("again", BASE.replace("<", "<=") + "# less or equal\n")


def test_what_others_do_too_comes_first() -> None:
    ranked = rank_static([OTHER, STRICT, AGAIN])
    assert {each.candidate.id for each in ranked[:2]} == {"strict", "again"}
    assert all(0 < each.probability < 1 for each in ranked)
    assert "same lines" not in ranked[-1].why


def test_a_family_has_one_voice_however_many_it_is() -> None:
    crowd = [replace(OTHER, id=f"o{n}", provenance=Provenance("s", source=f"o{n}", family="o")) for n in range(6)]
    pair = [STRICT, AGAIN]
    third = replace(STRICT, id="third", provenance=Provenance("s", source="third"))
    assert rank_static([*crowd, *pair, third])[0].candidate.id in {"strict", "again", "third"}


def test_what_cannot_be_right_comes_last_with_the_reason() -> None:
    misfit = Candidate("misfit", b"", (), Provenance("submission"), misfit="hunk 1 does not fit m.py")
    ranked = rank_static([misfit, STRICT])
    assert ranked[-1].candidate is misfit
    assert (ranked[-1].probability, ranked[-1].dropped) == (0.0, "it does not apply: hunk 1 does not fit m.py")


def test_a_name_that_nothing_defines_speaks_against_a_candidate() -> None:
    undefined = candidate("undefined", BASE.replace("return b", "return c"))
    assert rank_static([undefined, OTHER])[0].candidate is OTHER


def test_a_source_that_was_right_before_beats_one_that_was_wrong() -> None:
    records = {"strict": Record(1, 40), "other": Record(39, 40)}
    assert rank_static([STRICT, OTHER], records=records)[0].candidate is OTHER


def test_among_equal_records_agreement_decides() -> None:
    records = {name: Record(10 + n, 40) for n, name in enumerate(("strict", "again", "other"))}
    assert rank_static([OTHER, STRICT, AGAIN], records=records)[0].candidate is not OTHER


def test_a_source_that_agrees_with_others_elsewhere_stands_higher() -> None:
    fields = [look([STRICT, AGAIN, OTHER])]
    standing = source_standing(fields)
    assert standing["strict"] > standing["other"]
    lone = [replace(STRICT), replace(OTHER)]
    assert rank_static(lone, standing=standing)[0].candidate.id == "strict"


def test_no_candidate_one_candidate_and_none_that_stands_are_ranked() -> None:
    assert rank_static([]) == ()
    assert len(rank_static([STRICT], records={"strict": Record(0, 0)})) == 1
    assert rank_static([candidate("same", BASE)])[0].dropped == "it changes nothing"


def test_features_are_the_same_with_a_likeness_that_is_known_already() -> None:
    made = [STRICT, OTHER, AGAIN]
    edits = [edit(each) for each in made]
    known = likeness(edits)
    for places in ([0], [0, 1], [1, 2], [0, 1, 2]):
        some, their = [made[place] for place in places], [edits[place] for place in places]
        part = [[known[one][other] for other in places] for one in places]
        assert features(some, their, part) == features(some, their)


def test_thousands_are_all_ranked_whatever_their_order_and_equal_ones_alike() -> None:
    crowd = [candidate(f"c{number}", BASE.replace("<", f"< {number % 900} +")) for number in range(2700)]
    odd = candidate("zz", BASE.replace("return b", "return missing"))
    ranked = rank_static([*crowd, odd])
    assert len(ranked) == 2701
    assert ranked[-1].candidate is odd
    assert rank_static([odd, *reversed(crowd)]) == ranked
    likely = {each.candidate.id: each.probability for each in ranked}
    assert all(likely[f"c{number}"] == likely[f"c{number + 900}"] for number in range(1800))


def test_windows_line_ends_a_mark_and_binary_files_are_read() -> None:
    windows = BASE.replace("\n", "\r\n").encode()
    change = Change("m.py", windows, b"\xef\xbb\xbf" + windows.replace(b"<", b"<="))
    binary = Change("logo.png", None, bytes(range(256)))
    ranked = rank_static([Candidate("windows", b"", (change, binary), Provenance("s")), OTHER])
    assert all(each.dropped is None for each in ranked)


def test_a_record_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="3 right of 2"):
        Record(3, 2)


@given(
    st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 2)), min_size=1, max_size=7),
    st.randoms(use_true_random=False),
)
def test_the_ranking_does_not_depend_on_the_order(given_: list[tuple[str, int]], shuffle: random.Random) -> None:
    candidates = [
        candidate(f"c{number}", BASE.replace("<", sign), family=f"f{family}")
        for number, (sign, family) in enumerate(given_)
    ]
    records = {each.id: Record(number, 9) for number, each in enumerate(candidates)}
    mixed = candidates[:]
    shuffle.shuffle(mixed)
    assert rank_static(mixed) == rank_static(candidates)
    assert rank_static(mixed, records=records) == rank_static(candidates, records=records)


BODIES = st.lists(
    st.sampled_from(
        [
            "x = a + b",
            "x = a - b",
            "if a > b: return a",
            "return a or b",
            "return None",
            "return missing",
            "a = b",
            "pass",
        ]
    ),
    min_size=1,
    max_size=4,
).map(lambda lines: "def f(a, b):\n" + "".join(f"    {line}\n" for line in lines))
PROGRAMS = st.one_of(BODIES, BODIES.map(lambda body: body + "X = 1\n"))
MADE = st.tuples(PROGRAMS, st.integers(0, 3), st.integers(0, 1), st.integers(1, 2))  # family, source in it, sample


def _made(name: str, program: str, family: int, source: int, sample: int) -> Candidate:
    made = Provenance("given", source=f"s{family}{source}", family=f"f{family}", sample=sample)
    return replace(candidate(name, program), provenance=made)


@given(
    st.lists(MADE, min_size=1, max_size=7), st.integers(0, 4), st.integers(0, 2), st.integers(1, 3), st.integers(0, 6)
)
def test_a_copy_never_makes_its_program_lose(
    given_: list[tuple[str, int, int, int]], family: int, source: int, sample: int, which: int
) -> None:
    """Nor does it put any candidate behind one that it was ahead of."""
    crowd = [_made(f"c{number}", *each) for number, each in enumerate(given_)]
    copied = crowd[which % len(crowd)]
    copy = _made("copy", (copied.changes[0].after or b"").decode(), family, source, sample)
    key = edit(copied).key
    before = {each.candidate.id: each.probability for each in rank_static(crowd) if each.dropped is None}
    after = {each.candidate.id: each.probability for each in rank_static([*crowd, copy]) if each.dropped is None}
    for one in crowd:
        for other in crowd:
            if one.id in before and other.id in before and edit(one).key == key != edit(other).key:
                assert _log_odds(after, one, other) >= _log_odds(before, one, other) - 1e-9


def _log_odds(of: dict[str, float], one: Candidate, other: Candidate) -> float:
    """By how much one is ahead of another."""
    return math.log(of[one.id] / (1 - of[one.id])) - math.log(of[other.id] / (1 - of[other.id]))


@given(st.lists(MADE, min_size=1, max_size=7), st.integers(0, 6), st.sampled_from(["", "# the same\n"]))
def test_a_copy_from_the_same_sample_of_the_same_source_changes_nothing(
    given_: list[tuple[str, int, int, int]], which: int, form: str
) -> None:
    crowd = [_made(f"c{number}", *each) for number, each in enumerate(given_)]
    copied = crowd[which % len(crowd)]
    before = {each.candidate.id: each.probability for each in rank_static(crowd)}
    change = replace(copied.changes[0], after=(copied.changes[0].after or b"") + form.encode())
    copy = replace(copied, id="zz", changes=(change,))
    after = {each.candidate.id: each.probability for each in rank_static([*crowd, copy])}
    assert after.pop("zz") == after[copied.id]
    assert form or after == before


def test_equal_patches_of_several_samples_of_one_source_are_agreement() -> None:
    made = Provenance("given", source="s", family="s")
    samples = [replace(STRICT, id=f"n{n}", provenance=replace(made, sample=n)) for n in (1, 2, 3)]
    lone = replace(OTHER, id="a", provenance=replace(made, sample=4))
    assert rank_static([lone, *samples])[0].candidate.id == "n1"


@pytest.mark.parametrize("kind", MODELS)
def test_no_shipped_weight_of_an_agreement_is_negative(kind: str) -> None:
    assert all(
        weight >= 0 for name, weight in zip(MODELS[kind], shipped(kind).weights, strict=True) if name in AGREEMENTS
    )


@given(
    st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12), st.lists(st.sampled_from(["a", "b", "d"]), max_size=12)
)
def test_changed_blocks_turn_one_file_into_the_other(old: list[str], new: list[str]) -> None:
    made: list[str] = []
    done = 0
    for first, last, begin, end in changed_blocks(old, new):
        made += old[done:first] + new[begin:end]
        done = last
    assert made + old[done:] == new


CASES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


@given(CASES, st.floats(0, 1), st.floats(0, 1))
def test_a_calibration_gives_probabilities_and_keeps_their_order(
    cases: list[tuple[float, bool]], one: float, other: float
) -> None:
    fit = calibrate(cases)
    assert 0 <= fit(one) <= 1
    assert (one <= other) == (one == other or fit(one) <= fit(other)) or fit(one) == fit(other)


def test_a_calibration_follows_what_turned_out() -> None:
    fit = calibrate([(0.8, number % 10 < 3) for number in range(200)])
    assert abs(fit(0.8) - 0.3) < 0.05
    assert calibrate([])(0.7) == pytest.approx(0.7)
