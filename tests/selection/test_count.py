import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection import Ballot, Candidate, Change, Count, Outcome, Probe, Provenance, classify, count, decide, drop
from selection.confidence import UNSHOWN, UNTESTED, confidence, likely, posterior
from selection.edits import edit

COST = {"wall_s": 1.0, "stages": {}}


def candidate(name: str, after: str, *, before: str = "x = 1\n", path: str = "m.py", score: float = 0.0) -> Candidate:
    change = Change(path, before.encode(), after.encode())
    return Candidate(name, f"patch {name}".encode(), (change,), Provenance("repair"), score)


def test_candidates_that_cannot_be_right_are_dropped_with_the_reason() -> None:
    _, dropped = drop(
        [
            candidate("nothing", "x = 1\n"),
            candidate("comment", "x = 1  # one\n"),
            candidate("docstring", '"""Doc."""\nx = 1\n'),
            candidate("broken", "x = = 1\n"),
            candidate("test", "x = 2\n", path="tests/test_m.py"),
            candidate("blank", "a b  \r\n\r\n", before="a b\n", path="notes.txt"),
            candidate("spaced", "f(1)", before="f( 1 ) // one\n", path="m.js"),
        ]
    )
    reasons = {each.candidate.id: each.reason for each in dropped}
    assert reasons["nothing"] == "it changes nothing"
    assert reasons["test"] == "it changes only tests"
    assert reasons["broken"].startswith("m.py no longer parses")
    assert all("only comments" in reasons[name] for name in ("comment", "docstring", "blank", "spaced"))


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("conf.yaml", "server:\n  port: 80\nhost: a\n", "server:\n  port: 80\n  host: a\n"),
        ("Makefile", "all:\n    echo hi\n", "all:\n\techo hi\n"),
        ("lib.js", 'f(a + " " + b);\n', 'f(a + "  " + b);\n'),
        ("lib.js", "f(`a b`);\n", "f(`a  b`);\n"),
        ("page.jsx", "f(<p>a b</p>);\n", "f(<p>a  b</p>);\n"),
        ("broken.js", 'f(" " {{\n', 'f("  " {{\n'),
        ("notes.sql", "select 'a b';\n", "select 'a  b';\n"),
        ("logo.bin", "\0a\r\n", "\0a\n"),
    ],
)  # fmt: skip
def test_white_space_that_means_something_is_a_change(path: str, before: str, after: str) -> None:
    standing, _ = drop([candidate("c", after, before=before, path=path)])
    assert [each.id for each in standing] == ["c"]
    assert len(classify([candidate("a", after, path=path), candidate("b", before, path=path)])) == 2


LINES = st.lists(st.sampled_from(["a", " a", "a b", "a  b", "\ta", "", " "]), max_size=6)
ENDS = st.lists(st.sampled_from(["\n", "\r\n", "  \n", "\t\r\n"]), min_size=6, max_size=6)


@given(LINES, ENDS, st.integers(0, 3))
def test_white_space_behind_a_line_and_behind_the_last_one_means_nothing(
    lines: list[str], ends: list[str], more: int
) -> None:
    plain = "".join(f"{line}\n" for line in lines)
    other = "".join(line + end for line, end in zip(lines, ends, strict=False)) + "\n" * more
    assert len(classify([candidate("a", plain, path="m.txt"), candidate("b", other, path="m.txt")])) == 1


@given(LINES, LINES)
def test_other_white_space_tells_lines_apart(one: list[str], other: list[str]) -> None:
    same = [each.rstrip() for each in one] == [each.rstrip() for each in other]
    pair = [candidate(name, "\n".join([*lines, "end"]), path="m.txt") for name, lines in (("a", one), ("b", other))]
    assert (len(classify(pair)) == 1) == same


def test_a_new_file_a_deleted_file_and_a_file_that_never_parsed_are_not_dropped() -> None:
    added = Candidate("new", b"", (Change("new.py", None, b"x = 1\n"),), Provenance("repair"))
    deleted = Candidate("gone", b"", (Change("old.py", b"x = 1\n", None),), Provenance("repair"))
    template = candidate("template", "x = {{ b }}}\n", before="x = {{ a }}}\n")
    standing, dropped = drop([added, deleted, template])
    assert [each.id for each in standing] == ["new", "gone", "template"]
    assert not dropped


def test_a_mode_is_a_change_and_tells_programs_apart() -> None:
    def script(name: str, before: str, mode: str) -> Candidate:
        change = Change("go.sh", before.encode(), b"echo hello\n", "100644", mode)
        return Candidate(name, b"", (change,), Provenance("s"))

    only = script("only", "echo hello\n", "100755")
    standing, dropped = drop([only, script("nothing", "echo hello\n", "100644")])
    assert [each.id for each in standing] == ["only"]
    assert [each.reason for each in dropped] == ["it changes nothing"]
    both, text = script("both", "echo hi\n", "100755"), script("text", "echo hi\n", "100644")
    assert len(classify([both, text])) == 2
    assert len({edit(each).key for each in (both, text)}) == len({edit(each).text for each in (both, text)}) == 2


def test_a_file_that_had_its_mode_before_and_one_that_becomes_a_link_are_told_by_what_changes() -> None:
    runnable = Change("go.py", b"x = 1\n", b"x = 2\n", "100755", "100755")
    plain = Change("go.py", b"x = 1\n", b"x = 2\n")
    one, other = (Candidate(name, b"", (change,), Provenance("s")) for name, change in (("a", runnable), ("b", plain)))
    assert len(classify([one, other])) == 1
    link = Candidate("link", b"", (Change("go.py", b"x = 1\n", b"../away to", "100644", "120000"),), Provenance("s"))
    standing, _ = drop([link])
    assert standing == (link,)


def test_the_same_program_in_another_form_is_one_class() -> None:
    classes = classify(
        [
            candidate("plain", "x = f(1, 2)\n", score=1),
            candidate("spaced", "x = f(1,\n      2)  # two\n", score=2),
            candidate("other", "x = f(2, 1)\n"),
        ]
    )
    assert [[member.id for member in each.members] for each in classes] == [["spaced", "plain"], ["other"]]


def verdict_of(candidates: list[Candidate], probes: list[Probe], ballots: list[Ballot]) -> str | None:
    standing, dropped = drop(candidates)
    counted = count(classify(standing), probes, ballots)
    return decide(counted, dropped, stopped="it was enough", cost=COST).winner


def test_a_class_that_breaks_a_test_loses_to_one_that_does_not_whatever_its_score() -> None:
    risky, safe = candidate("risky", "x = 2\n", score=9), candidate("safe", "x = 3\n")
    ids = {each.representative.id: each.id for each in classify([risky, safe])}
    probes = [Probe("t", "target"), Probe("r", "regression")]
    ballots = [Ballot("t", each, "passed") for each in ids.values()]
    ballots += [Ballot("r", ids["risky"], "failed"), Ballot("r", ids["safe"], "passed")]
    assert verdict_of([risky, safe], probes, ballots) == "safe"


def test_a_target_without_a_ballot_is_not_met() -> None:
    one, other = candidate("one", "x = 2\n"), candidate("other", "x = 3\n")
    ids = {each.representative.id: each.id for each in classify([one, other])}
    probes = [Probe("t1", "target"), Probe("t2", "target")]
    ballots = [Ballot("t1", ids["one"], "passed"), Ballot("t2", ids["other"], "passed")]
    assert verdict_of([one, other], probes, ballots) is None


def test_documented_examples_outvote_the_policys_own_order() -> None:
    first, second = candidate("first", "x = 2\n", score=9), candidate("second", "x = 3\n", score=1)
    ids = {each.representative.id: each.id for each in classify([first, second])}
    probes = [Probe("t", "target"), Probe("e", "example")]
    ballots = [Ballot("t", each, "passed") for each in ids.values()]
    ballots += [Ballot("e", ids["first"], "failed"), Ballot("e", ids["second"], "passed")]
    assert verdict_of([first, second], probes, ballots) == "second"


def test_without_candidates_the_verdict_says_why() -> None:
    verdict = decide(count((), (), ()), (), stopped="every proposal was tried (12)", cost=COST)
    assert (verdict.winner, verdict.confidence) == (None, 0.0)
    assert verdict.reason == "no patch found: every proposal was tried (12)"


def test_a_winner_on_which_nobody_voted_is_said_to_be_unverified() -> None:
    counted = count(classify([candidate("only", "x = 2\n")]), (), ())
    verdict = decide(counted, (), stopped="", cost=COST)
    assert (verdict.winner, verdict.confidence) == ("only", UNTESTED)
    assert verdict.reason == "it was not verified: no test had a vote"
    kept = Probe("r", "regression")
    (each,) = classify([candidate("only", "x = 2\n")])
    ballots = [Ballot("r", each.id, "passed")]
    verdict = decide(count([each], [kept], ballots), (), stopped="", cost=COST)
    assert (verdict.reason, verdict.confidence) == ("it breaks none of the 1 that passed", UNSHOWN)


OUTCOMES = st.sampled_from(["passed", "failed"])
TABLES = st.lists(st.tuples(st.integers(0, 5), OUTCOMES, OUTCOMES, OUTCOMES), min_size=1, max_size=6)
PROBES = [Probe("t", "target"), Probe("r", "regression"), Probe("e", "example")]


@given(TABLES, st.randoms(use_true_random=False))
def test_the_winner_does_not_depend_on_the_order_of_candidates_probes_or_ballots(
    table: list[tuple[int, str, str, str]], shuffle: random.Random
) -> None:
    candidates, ballots = _world(table)
    expected = verdict_of(candidates, PROBES, ballots)
    mixed, probes, votes = candidates[:], PROBES[:], ballots[:]
    for each in (mixed, probes, votes):
        shuffle.shuffle(each)
    assert verdict_of(mixed, probes, votes) == expected


@given(TABLES)
def test_a_probe_that_nobody_voted_on_changes_nothing(table: list[tuple[int, str, str, str]]) -> None:
    candidates, ballots = _world(table)
    silent = [*PROBES, Probe("silent", "target"), Probe("mute", "regression")]
    assert verdict_of(candidates, silent, ballots) == verdict_of(candidates, PROBES, ballots)


@given(TABLES, st.integers(0, 5))
def test_a_copy_of_a_candidate_never_makes_its_class_lose(table: list[tuple[int, str, str, str]], which: int) -> None:
    candidates, ballots = _world(table)
    winner = verdict_of(candidates, PROBES, ballots)
    copied = candidates[which % len(candidates)]
    twin = Candidate("z" + copied.id, copied.patch, copied.changes, copied.provenance, copied.score)
    assert verdict_of([*candidates, twin], PROBES, ballots) == winner


def _world(table: list[tuple[int, str, str, str]]) -> tuple[list[Candidate], list[Ballot]]:
    candidates = [
        candidate(f"c{number}", f"x = {number + 2}\n", score=score) for number, (score, *_) in enumerate(table)
    ]
    ids = {each.representative.id: each.id for each in classify(candidates)}
    ballots = [
        Ballot(probe.id, ids[f"c{number}"], outcome)  # type: ignore[arg-type]
        for number, (_, *outcomes) in enumerate(table)
        for probe, outcome in zip(PROBES, outcomes, strict=True)
    ]
    return candidates, ballots


def alone(*probes: Probe, outcomes: tuple[Outcome, ...], probability: float | None = None) -> Count:
    """One candidate, or four that differ where a probability is known, and the same outcomes for all."""
    names = "abcd" if probability is not None else "a"
    candidates = [replace(candidate(name, f"x = {name}\n"), probability=probability) for name in names]
    classes = classify(candidates)
    ballots = [
        Ballot(probe.id, each.id, outcome) for each in classes for probe, outcome in zip(probes, outcomes, strict=True)
    ]
    return count(classes, probes, ballots)


def test_what_all_fail_makes_all_less_likely() -> None:
    target, example, kept = Probe("t", "target"), Probe("e", "example"), Probe("r", "regression")
    mended = alone(target, outcomes=("passed",))
    assert confidence(mended)[0] > 0.9
    assert confidence(alone(target, example, outcomes=("passed", "failed")))[0] < 0.4
    assert posterior(alone(target, kept, outcomes=("passed", "failed"))).popitem()[1] < 0.3
    assert confidence(alone(kept, outcomes=("passed",)))[0] == pytest.approx(0.458)
    unmended = alone(kept, target, outcomes=("passed", "failed"))
    assert confidence(unmended)[0] == 0
    verdict = decide(unmended, (), stopped="enough", cost=COST)
    assert verdict.winner is None
    assert verdict.reason == "no patch found: the best of 1 does not mend t, nor does any other"


def test_a_test_that_all_pass_and_rivals_that_mend_as_little_make_no_winner() -> None:
    target, kept = Probe("t", "target"), Probe("r", "regression")
    for number in range(1, 6):
        classes = classify([candidate(str(each), f"x = {each}\n") for each in range(number)])
        ballots = [Ballot(*cast) for each in classes for cast in (("t", each.id, "failed"), ("r", each.id, "passed"))]
        for probes in ([target], [target, kept]):
            counted = count(classes, probes, [each for each in ballots if each.probe in {probe.id for probe in probes}])
            assert decide(counted, (), stopped="enough", cost=COST).winner is None


def test_what_is_told_of_each_where_nothing_was_run_is_what_the_ranking_says() -> None:
    untested = alone(outcomes=(), probability=0.8)
    assert confidence(untested)[0] == pytest.approx(0.8)
    assert set(likely(untested).values()) == {0.8}
    unmended = alone(Probe("t", "target"), outcomes=("failed",), probability=0.8)
    assert confidence(unmended)[0] == pytest.approx(0.4 / 1.4)


def test_agreement_of_patches_is_named_as_what_it_is() -> None:
    better, worse = (
        replace(candidate(name, f"x = {name}\n"), probability=chance) for name, chance in (("a", 0.8), ("b", 0.2))
    )
    classes = classify([better, worse])
    counted = count(classes, [Probe("t", "target")], [Ballot("t", each.id, "passed") for each in classes])
    assert counted.winner is not None
    assert counted.winner.of.representative.id == "a"
    assert "how much patches agree tells the best of 2 programs" in confidence(counted)[1]
