"""Tests that several trajectories wrote are one test, whoever comes first."""

from __future__ import annotations

from itertools import permutations

from agents.reproductions import Reproductions, TestFile


def test_equal_files_are_one_of_all_their_authors() -> None:
    files = [
        TestFile("tests/test_b.py", b"assert f()\n", frozenset({"1"})),
        TestFile("tests/test_a.py", b"assert f()  \n", frozenset({"2"})),
        TestFile("tests/test_a.py", b"assert g()\n", frozenset({"1"})),
    ]
    for order in permutations(files):
        taken = Reproductions()
        for file in [*order, *order]:
            taken.take([file])
        known = sorted((sorted(each.authors), each.content.split()[1]) for each in taken.files)
        assert known == [(["1"], b"g()"), (["1", "2"], b"f()")]
