"""Proposals: every one is a program that differs from base and from all others, in an order that can be resumed."""

from __future__ import annotations

import ast
import itertools
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.repair import Localisation, SourceFile, Suspect, Unreadable, localise, read_source
from agents.repair.diff import git_patch
from agents.repair.examples import find_examples
from agents.repair.propose import Proposal, proposals
from selection import Change, is_test

SOURCE = '''\
"""A module."""
LIMIT = 3


def first(xs, limit=LIMIT):  # a comment
    """The first ones.

    >>> first([1, 2, 3, 4])
    [1, 2, 3]
    """
    found = []
    for i in range(len(xs)):
        if i > limit and not xs[i] is None:
            break
        found.append(xs[i])  # kept
    return found[:limit]


class Box:
    def __init__(self, n):
        self.n = n

    def take(self, m):
        while m < self.n:
            m += 1
        return max(m, self.n) if m else None
'''


def source(text: str = SOURCE) -> SourceFile:
    return read_source("m.py", text.encode())


def everywhere(file: SourceFile) -> Localisation:
    return Localisation(tuple(Suspect("m.py", line, 1.0) for line in range(1, file.text.count("\n") + 1)))


def all_of(file: SourceFile, number: int = 600) -> list[Proposal]:
    return list(itertools.islice(proposals({"m.py": file}, everywhere(file)), number))


def test_every_proposal_parses_differs_from_base_and_comes_once() -> None:
    found = all_of(source(), 3000)
    trees = [ast.dump(ast.parse(each.after)) for each in found]
    assert len(found) > 400
    assert len(set(trees)) == len(trees)
    assert ast.dump(ast.parse(SOURCE)) not in trees


def test_single_edits_come_by_falling_score_and_combinations_last() -> None:
    found = all_of(source(), 3000)
    singles = [each for each in found if len(each.edits) == 1]
    assert found[: len(singles)] == singles
    scores = [each.score for each in singles]
    assert scores == sorted(scores, reverse=True)


def test_the_sequence_depends_on_nothing_but_the_source_and_can_go_on_anywhere() -> None:
    one = [each.after for each in all_of(source())]
    rest = itertools.islice(proposals({"m.py": source()}, everywhere(source())), 100, 600)
    assert one[100:] == [each.after for each in rest]


def test_what_is_not_edited_keeps_its_bytes() -> None:
    windows = source(SOURCE.replace("\n", "\r\n"))
    for each in all_of(windows):
        text = each.after.decode()
        assert "\n" not in text.replace("\r\n", "")
        assert text.startswith('"""A module."""\r\n')
    cookie = read_source("m.py", "# coding: latin-1\ndef f(x):\n    return x > 'é'\n".encode("latin-1"))
    assert all(each.after.startswith(b"# coding: latin-1\n") for each in all_of(cookie, 50))
    assert any(b"'\xe9'" in each.after for each in all_of(cookie, 50))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("return a < b", "return a <= b"),
        ("return xs[n]", "return xs[n - 1]"),
        ("return f(a, b)", "return f(b, a)"),
        ("return a and b", "return a or b"),
        ("if a:\n        return b", "if not a:\n        return b"),
        ("return xs[1:]", "return xs"),
        ("return a + b", "return a - b"),
        ("return min(a, b)", "return max(a, b)"),
        (
            "out = []\n    for x in xs:\n        pass\n    return out",
            "out = []\n    for x in xs:\n        out.append(x)\n        pass\n    return out",
        ),
        ("return a.b", "return b"),
        ("return sum(xs) / n", "return sum(xs) // n"),
    ],
)
def test_the_usual_mistakes_are_among_the_proposals(wrong: str, right: str) -> None:
    head = "def g(a, b, xs, n, f):\n    "
    wanted = ast.dump(ast.parse(head + right))
    found = all_of(source(f"{head}{wrong}\n"), 1500)
    assert wanted in [ast.dump(ast.parse(each.after)) for each in found]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        file = read_source("m.py", data)
    except Unreadable:
        return
    assert file.encode(file.text) == data or data.startswith(b"\xef\xbb\xbf")
    list(itertools.islice(proposals({"m.py": file}, everywhere(file)), 20))


def test_the_line_that_only_failing_tests_execute_is_the_most_suspicious() -> None:
    coverage = {
        "bad": {"m.py": {1, 2, 3}, "tests/test_m.py": {1}},
        "good": {"m.py": {1, 2}},
        "other": {"m.py": {1}},
    }
    found = localise(coverage, ["bad"])
    assert [suspect.line for suspect in found.suspects] == [3, 2, 1]
    assert found.suspects[0].suspiciousness == 1.0
    assert found.suspects[1].suspiciousness == pytest.approx(1 / 2**0.5)  # Ochiai: 1 / sqrt(1 * (1 + 1))
    assert found.files == ("m.py",)
    framed = localise(coverage, ["bad"], {"bad": [("m.py", 2)]})
    assert framed.lines("m.py")[2] > found.lines("m.py")[2]


def test_test_files_are_told_by_their_names() -> None:
    assert all(
        map(is_test, ["tests/a.py", "a/test/b.js", "test_a.py", "a/test/test_b.py", "a/conftest.py", "x/a_test.py"])
    )
    assert not any(map(is_test, ["contest.py", "src/latest.py", "attest/a.py", "django/test/client.py"]))


def test_examples_are_found_in_docstrings_and_in_the_issue() -> None:
    found = find_examples({"m.py": source()}, "`first([5], 1)` should be [5]\n\n    >>> first([])\n    []\n")
    assert {(each.source, each.expected) for each in found} >= {
        ("first([1, 2, 3, 4])", "[1, 2, 3]"),
        ("first([])", "[]"),
    }


@pytest.mark.parametrize(
    "issue",
    [
        "half(4) should be 2, not 8",
        "half(4) should be 2, 8 is wrong",
        "half(4) is 2, while 8 comes out",
        'assert half(4) == 2, "8 is wrong"',
        "`half(4)` must return `2`, and not `8`.",
        "half(4) should give 2 instead of 8",
        "half(4) gives 8, it should give 2",
        "half(4) gives 8. It should give 2.",
        "half(4) returns 8 instead of 2",
        "half(4) returned 8 rather than 2.",
        "half(4) gives 8 but should give 2",
        "`half(4)` returns `8`, but I expected `2`.",
        "half(4) raises TypeError instead of returning 2",
        "half(4) wrongly gives 8 (expected: 2)",
        "half(4): expected 2, got 8",
        "half(4)  # got 8, expected 2",
        "Expected 2, got 8 for half(4).",
        "I expected half(4) to be 2, but got 8",
        "Make half(4) return 2 instead of 8",
        "```\nhalf(4)\n```\n\nExpected result: 2\nActual result: 8",
    ],
)
def test_what_an_issue_says_should_be_is_the_example(issue: str) -> None:
    found = find_examples({"m.py": source("def half(n):\n    return 2 * n\n")}, issue)
    assert [(each.source, each.expected) for each in found] == [("half(4)", "2")]


@pytest.mark.parametrize(
    "issue",
    [
        "half(4) fails: it expected 2 arguments, got 1",
        "half(4) gives 2 elements",
        "half(4) is wrong. The limit of retries should be 3.",
        "half(4) should not be 8",
        "half(4) is not 2",
    ],
)
def test_a_number_that_is_no_result_is_no_example(issue: str) -> None:
    assert find_examples({"m.py": source("def half(n):\n    return 2 * n\n")}, issue) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("half(4) returns 2, 0", "2, 0"),
        ("half(4) returns (2, 0), not 8", "(2, 0)"),
        ("half(4) is [2, 0], as a list", "[2, 0]"),
        ("half(4) -> 1 rather than 2", "1"),
    ],
)
def test_documentation_says_what_is_right_and_tuples_may_lack_brackets(text: str, expected: str) -> None:
    file = source(f'def half(n):\n    """{text}"""\n')
    assert [each.expected for each in find_examples({"m.py": file}, "")] == [expected]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b"b\r", b"", b"\xff"]), max_size=8),
    st.lists(st.sampled_from([b"a", b"c", b""]), max_size=8),
)
def test_a_patch_takes_one_content_to_the_other(before: list[bytes], after: list[bytes]) -> None:
    """git itself is the judge: it applies the patch and must end with these very bytes."""
    one, two = b"\n".join(before), b"\n".join(after)
    if one == two or not one or not two:
        return
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "x y.py").write_bytes(one)
        patch = git_patch([Change("x y.py", one, two)])
        subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=place, input=patch, check=True)
        assert (Path(place) / "x y.py").read_bytes() == two
