"""Choosing without running anything."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection import Candidate, Change, Provenance, Record, calibrate, look, rank_static, source_standing
from selection.edits import changed_blocks, edit
from selection.features import features, likeness

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


def test_too_many_candidates_are_refused_with_the_limit() -> None:
    with pytest.raises(ValueError, match="2001 candidates for one issue are more than 2000"):
        rank_static([replace(STRICT, id=str(number)) for number in range(2001)])


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
