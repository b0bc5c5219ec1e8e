"""Unified diffs, as git writes them and as models do: they apply where their lines stand, or change nothing."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import EditRefused, PathRefused
from agents.tools.encoding import decoded
from agents.tools.patch import patched, patched_paths, read_patch

content = st.lists(st.sampled_from(["a", "b", "", "  c", "-- d", "+e", "é"]), max_size=14).flatmap(
    lambda rows: st.sampled_from(["\n", "\r\n"]).flatmap(
        lambda end: st.sampled_from(["", end]).map(lambda last: end.join(rows) + (last if rows else ""))
    )
)


def apply(before: str, patch: str) -> str:
    (file,) = read_patch(patch)
    return patched(file, decoded(before.encode()))[0]


@settings(deadline=None, max_examples=40)
@given(content, content, st.sampled_from([0, 2]))
def test_what_git_says_of_two_files_makes_one_of_the_other(before: str, after: str, context: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        for name, text in (("a", before), ("b", after)):
            Path(place, name).write_bytes(text.encode())
        command = ["git", "-c", "core.autocrlf=false", "diff", "--no-index", "--text", f"-U{context}", "a", "b"]
        patch = subprocess.run(command, cwd=place, capture_output=True).stdout.decode()
    if "@@" not in patch:
        return
    if ("\r" in before and "\r" not in after) or ("\r" in after and "\r" not in before):
        return  # new lines end as those around them do, whatever the patch says
    assert apply(before, patch.replace("+++ b/b", "+++ b/a")) == after


BEFORE = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"


def test_wrong_counts_and_wrong_line_numbers_do_no_harm() -> None:
    patch = "--- a/f\n+++ b/f\n@@ -99,1 +99,7 @@ def x\n three\n-four\n+FOUR\n+4\n five\n"
    assert apply(BEFORE, patch) == "one\ntwo\nthree\nFOUR\n4\nfive\nsix\nseven\n"
    assert apply(BEFORE, patch.replace(" -99,1 +99,7 ", " ")) == "one\ntwo\nthree\nFOUR\n4\nfive\nsix\nseven\n"


def test_an_empty_context_line_may_have_lost_its_space() -> None:
    assert apply("a\n\nb\n", "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n\n") == "a\n\nc\n"


@pytest.mark.parametrize(
    ("before", "hunks", "after"),
    [
        ("1\n2\n3\n4\n", "@@ -0,0 +1 @@\n+0\n", "0\n1\n2\n3\n4\n"),
        ("1\n2\n3\n4\n", "@@ -1,0 +2 @@\n+b\n@@ -3,0 +5 @@\n+d\n", "1\nb\n2\n3\nd\n4\n"),
        ("x\na\na\n", "@@ -1,0 +2 @@\n+y\n@@ -2 +3 @@\n-a\n+A\n", "x\ny\nA\na\n"),
        ("1\n2\n", "@@\n+3\n", "1\n2\n3\n"),
        ("1\r\n2", "@@ -2,0 +3 @@\n+3\n", "1\r\n2\r\n3\r\n"),
    ],
)
def test_lines_without_context_go_where_their_numbers_say(before: str, hunks: str, after: str) -> None:
    assert apply(before, f"--- f\n+++ f\n{hunks}") == after


def test_the_nearest_of_several_places_is_taken() -> None:
    before = "x\ny\n" * 10
    after = apply(before, "--- f\n+++ f\n@@ -9,2 +9,2 @@\n x\n-y\n+z\n")
    assert after.split("\n").index("z") == 9


@pytest.mark.parametrize(
    ("hunk", "said"),
    [
        ("@@ -1,2 +1,2 @@\n one\n-TWO\n+2\n", "line 2: the file has 'two', the patch expects 'TWO'"),
        ("@@ -1 +1 @@\n-nothing\n+like it\n", "none of its lines stand there together"),
        ("@@ -7,2 +7,2 @@\n seven\n-eight\n+8\n", "line 8: the file ends there"),
        ("@@ -1 +1 @@\n", "a hunk without lines"),
        ("@@ -1,3 +1,3 @@\n one\ntwo\n", "begins with none of space"),
    ],
)
def test_a_hunk_that_does_not_fit_says_where(hunk: str, said: str) -> None:
    with pytest.raises(EditRefused, match=said):
        apply(BEFORE, f"--- a/f\n+++ b/f\n{hunk}")


@pytest.mark.parametrize("name", ["/etc/passwd", "a/../../x", "b/.git/config", "a/~/x/../.."])
def test_a_patch_that_leaves_the_workspace_is_refused(name: str) -> None:
    with pytest.raises(PathRefused):
        read_patch(f"--- {name}\n+++ {name}\n@@ -1 +1 @@\n-a\n+b\n")


@pytest.mark.parametrize(
    "text", ["", "hello", "@@ -1 +1 @@\n-a\n+b\n", "GIT binary patch\n", "--- /dev/null\n+++ /dev/null\n@@\n+a\n"]
)
def test_what_is_no_patch_is_refused(text: str) -> None:
    with pytest.raises(EditRefused):
        read_patch(text)


def test_the_paths_of_a_patch_are_known_before_it_runs() -> None:
    patch = "diff --git a/x b/y\nrename from x\nrename to y\ndiff --git a/z b/z\n--- a/z\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
    assert patched_paths(patch) == ("x", "y", "z")
    assert patched_paths("no patch") == ()


HUNK = "@@ -1 +1 @@\n-a\n+b\n"
FRESH = "@@ -0,0 +1 @@\n+a\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"--- a/x\n+++ b/x\n{HUNK}", ("x", "x")),
        (f"--- x\n+++ x\n{HUNK}", ("x", "x")),
        (f"--- a/x\n+++ x\n{HUNK}", ("x", "x")),
        (f"diff --git a/x b/x\n--- a/x\n+++ a/x\n{HUNK}", ("x", "x")),
        (f"diff --git a/c/x b/c/x\n--- c/x\n+++ c/x\n{HUNK}", ("c/x", "c/x")),
        (f"--- i/x\n+++ w/x\n{HUNK}", ("x", "x")),
        (f"--- c/x\n+++ c/x\n{HUNK}", ("c/x", "c/x")),
        (f"--- /dev/null\n+++ b/x\n{FRESH}", (None, "x")),
        (f"--- /dev/null\n+++ c/x\n{FRESH}", (None, "c/x")),
        (f"diff --git c/x w/x\n--- /dev/null\n+++ w/x\n{FRESH}", (None, "x")),
        (f"diff --git b/x b/x\n--- /dev/null\n+++ b/x\n{FRESH}", (None, "b/x")),
        (f"diff --git c/x w/x\nrename from c/x\nrename to w/x\n--- c/x\n+++ w/x\n{HUNK}", ("c/x", "w/x")),
        (f"diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/y\n{HUNK}", ("x", "y")),
    ],
)
def test_a_prefix_is_taken_away_only_where_it_is_one(text: str, names: tuple[str | None, str | None]) -> None:
    assert [(file.old, file.new) for file in read_patch(text)] == [names]


@pytest.mark.parametrize(
    ("said", "old", "new", "executable"),
    [
        ("a/x b/x\nnew file mode 100644\nindex 0000000..e69de29", None, "x", False),
        ('"a/x y" "b/x y"\nnew file mode 100755\nindex 0000000..e69de29', None, "x y", True),
        ("x x\ndeleted file mode 100644\nindex e69de29..0000000", "x", None, None),
        ("b/x b/x\nold mode 100644\nnew mode 100755", "b/x", "b/x", True),
        ("a/x b/x\nold mode 100755\nnew mode 100644", "x", "x", False),
    ],
)
def test_a_section_without_hunks_is_a_change(
    said: str, old: str | None, new: str | None, executable: bool | None
) -> None:
    alone, other = read_patch(f"diff --git {said}\ndiff --git a/z b/z\n--- a/z\n+++ b/z\n{HUNK}")
    assert (alone.old, alone.new, alone.executable, alone.hunks) == (old, new, executable, [])
    assert (other.old, other.new, other.executable, len(other.hunks)) == ("z", "z", None, 1)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("a/x b/x\nindex 1234567..89abcde 100644\n", "line 6 of the patch: nothing below says what changes"),
        ("a/x b/longer\nold mode 100644\nnew mode 100755\n", "nothing below says what changes"),
        ("a/x b/x\n@@ -1 +1 @@\n-a\n+b\n", "line 7 of the patch: a hunk without a file"),
        ("a/x b/y\nsimilarity index 100%\ncopy from x\ncopy to y\n", "copies a file"),
        (f"a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n{FRESH}", "makes a link"),
    ],
)
def test_a_section_that_cannot_be_applied_is_no_part_of_the_file_before_it(section: str, said: str) -> None:
    with pytest.raises(EditRefused, match=said):
        read_patch(f"--- a/z\n+++ b/z\n{HUNK}diff --git {section}")


@settings(deadline=None)
@given(st.text("-+@ \n\\abdif/01,", max_size=200))
def test_any_text_is_a_patch_or_is_refused(text: str) -> None:
    try:
        for file in read_patch(text):
            patched(file, decoded(BEFORE.encode()))
    except (EditRefused, PathRefused):
        pass
