"""Paths and globs of a model: what leaves the workspace is refused by its name; a glob names what its effect says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import BadPattern, PathRefused
from agents.tools.paths import effect_paths, inside, names_of
from planner.paths import may_overlap, segments, simplified


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "a/../../x", "~/x", "a\0b", "a\nb", "/workspace/../x", "/workspaces", "x" * 300, "\ud800"],
)
def test_a_path_that_leaves_the_workspace_is_refused(path: str) -> None:
    with pytest.raises(PathRefused):
        inside(path)


@pytest.mark.parametrize("path", ["", ".", ".git/config", "a/.GIT/hooks/x"])
def test_what_no_edit_may_touch(path: str) -> None:
    with pytest.raises(PathRefused):
        inside(path, written=True)


def test_spellings_of_one_path() -> None:
    assert {inside(path) for path in ("a/b", "./a//b", "/workspace/a/b", "a/./b/", " a/b")} == {"a/b"}


@pytest.mark.parametrize(
    ("glob", "named", "others"),
    [
        ("*.py", ["a.py", "x/y/a.py"], ["a.pyc", "a.py/b"]),
        ("src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["a.py", "lib/src/a.py"]),
        ("src/*", ["src/a"], ["src/a/b"]),
        ("src/**", ["src/a", "src/a/b"], ["src", "a/src/b"]),
        ("*.{ts,tsx}", ["a.ts", "x/a.tsx"], ["a.js"]),
        ("a[0-9].py", ["a1.py"], ["ab.py", "a12.py"]),
        ("a[!0-9].py", ["ab.py"], ["a1.py"]),
        ("./a.py", ["a.py"], ["ab.py", "aXpy"]),
        ("[.py", ["[.py"], ["a.py"]),
    ],
)
def test_a_glob_names_files(glob: str, named: list[str], others: list[str]) -> None:
    found = re.compile(names_of(glob))
    assert [path for path in named + others if found.fullmatch(path)] == named


@pytest.mark.parametrize("glob", ["/etc/*", "../*", "{a,b}" * 8, "[z-a]"])
def test_a_glob_that_cannot_be_used_is_refused(glob: str) -> None:
    with pytest.raises(BadPattern):
        names_of(glob)


part = st.sampled_from(["a", "b", "a.py", "*", "**", "*.py", "?", "[ab]", "{a,b}.py"])
name = st.sampled_from(["a", "b", "a.py", "b.py", "c"])


@given(
    st.lists(part, min_size=1, max_size=4),
    st.sampled_from(["", ".", "a", "a/b"]),
    st.lists(name, min_size=1, max_size=5),
)
def test_what_a_glob_finds_is_in_its_effect(glob: list[str], path: str, file: list[str]) -> None:
    """Else a write to that file would not be ordered with the search."""
    top = inside(path)
    whole = "/".join(([top] if top else []) + file)
    found = names_of("/".join(glob))
    if found and not re.fullmatch(found, "/".join(file)):
        return
    reads = effect_paths(path, "/".join(glob))
    assert any(may_overlap(simplified(segments(each)), segments(whole)) for each in reads)
