"""Changes are whole or not at all: what is refused leaves every file byte for byte as it was."""

from __future__ import annotations

import os
import stat
import time
from typing import Any

import pytest

from agents.errors import EditRefused, PathRefused, ToolError, Unparsable
from agents.tools.files import WorkspaceFiles, Written
from tests.agents.tools.conftest import Begin, Work, give

pytestmark = pytest.mark.bubblewrap


async def refused(work: Work, tool: str, **arguments: Any) -> str:
    """Call a tool that must refuse; no file may differ afterwards."""
    before = snapshot(work)
    with pytest.raises(ToolError) as caught:
        await work.do(tool, **arguments)
    assert snapshot(work) == before
    return str(caught.value)


def snapshot(work: Work) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(work.tree.rglob("*")):
        state = os.lstat(path)
        found[str(path)] = (state.st_mode, path.read_bytes() if stat.S_ISREG(state.st_mode) else b"")
    return found


async def test_an_edit_keeps_mode_and_every_other_byte(begin: Begin) -> None:
    raw = b"#!/usr/bin/python3\r\n# caf\xe9\r\nx = 1\r\ny = 2"
    work = await begin({"tool": raw})
    (work.tree / "tool").chmod(0o755)
    change = await work.do("edit", path="tool", search="x = 1\n", replace="x = 2\nz = 3\n")
    assert work.bytes("tool") == raw.replace(b"x = 1\r\n", b"x = 2\r\nz = 3\r\n")
    assert stat.S_IMODE((work.tree / "tool").stat().st_mode) == 0o755
    assert (change.line, change.end_line) == (3, 4)
    assert "     4  z = 3" in change.as_text()
    assert sorted(path.name for path in work.tree.iterdir()) == ["tool"]


BROKEN = {
    "a.py": ("def f():\n    return 1\n", "return 1", "return (1", r"SyntaxError: '\(' was never closed in line 2"),
    "a.js": ("function f() {\n  return 1;\n}\n", "return 1;", "return (1;", "javascript syntax error: .* in line 2"),
    "a.ts": ("function f() {\n  return 1;\n}\n", "return 1;", "if (x {}", r"typescript syntax error: '\)' is missing in line 2"),
    "a.tsx": ("export const A = () => <b>1</b>;\n", "</b>", "</b", "tsx syntax error"),
    "a.go": ("package p\n\nfunc f() {\n}\n", "{\n}", "{\n", "go syntax error: '{' does not fit in line 3"),
    "a.rs": ("fn f() -> i32 {\n    1\n}\n", "1\n", "1 +\n", "rust syntax error"),
    "A.java": ("class A {\n  int f() { return 1; }\n}\n", "return 1;", "return 1", "java syntax error: ';' is missing in line 2"),
    "a.json": ('{\n "a": 1\n}\n', "1", "1,", "no JSON: .* in line 3"),
    "a.toml": ("[a]\nb = 1\n", "1", "1 2", "no TOML: .* in line 2"),
}  # fmt: skip


async def test_a_change_that_would_break_a_file_is_refused_with_the_fault(begin: Begin) -> None:
    work = await begin({path: each[0] for path, each in BROKEN.items()})
    for path, (source, search, replace, said) in BROKEN.items():
        before = snapshot(work)
        with pytest.raises(Unparsable, match=said) as caught:
            await work.do("edit", path=path, search=search, replace=replace)
        assert "the file is unchanged" in str(caught.value)
        with pytest.raises(Unparsable, match=said):
            await work.do("create", path=f"new/{path}", content=source.replace(search, replace))
        assert snapshot(work) == before


async def test_a_file_that_was_broken_before_may_be_edited_but_not_broken_further(begin: Begin) -> None:
    python = "def f(:\n    pass\n\n\ndef g():\n    return 1\n"
    work = await begin({"a.py": python, "a.js": "function f() { return (; }\n\n\nfunction g() { return 1; }\n"})
    assert "SyntaxError" in await refused(work, "edit", path="a.py", search="return 1", replace="return (1]")
    await work.do("edit", path="a.py", search="return 1", replace="return 2")
    await work.do("edit", path="a.py", search="def f(:", replace="def f():")
    assert "in line 4" in await refused(work, "edit", path="a.js", search="return 1;", replace="return (1];")
    await work.do("edit", path="a.js", search="return 1", replace="return 2")


async def test_create_and_delete(begin: Begin) -> None:
    work = await begin({"a.py": "a = 1\n"})
    await work.do("create", path="new/deep/b.py", content="b = 'ü'\n")
    assert work.bytes("new/deep/b.py") == "b = 'ü'\n".encode()
    assert "exists already" in await refused(work, "create", path="a.py", content="")
    await work.do("create", path="a.py", content="", overwrite=True)
    assert work.bytes("a.py") == b""
    await work.do("delete", path="a.py")
    assert not (work.tree / "a.py").exists()
    assert "there is no a.py" in await refused(work, "delete", path="a.py")
    assert "is a directory" in await refused(work, "delete", path="new")
    assert "git's own directory" in await refused(work, "create", path=".git/hooks/post-commit", content="x")


async def test_a_patch_of_several_files_is_applied_whole_or_not_at_all(begin: Begin) -> None:
    work = await begin({"a.py": "a = 1\nb = 2\n", "old.py": "c = 3\n", "gone.py": "d = 4\n"})
    patch = """\
Some words before it.
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,2 +1,3 @@
 a = 1
-b = 2
+b = 3
+e = 5
diff --git a/old.py b/new/name.py
similarity index 100%
rename from old.py
rename to new/name.py
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-d = 4
--- /dev/null
+++ b/fresh.py
@@ -0,0 +1 @@
+f = 6
"""
    for broken in (
        patch.replace("+f = 6", "+f = (6"),
        patch.replace("-d = 4", "-d = 5"),
        patch.replace("b/fresh.py", "b/a.py"),
        patch.replace("b/fresh.py", "b/../fresh.py"),
        patch.replace("b/fresh.py", "b/a.py/fresh.py"),
    ):
        await refused(work, "apply_patch", patch=broken)
    change = await work.do("apply_patch", patch=patch)
    assert set(change.paths) == {"a.py", "old.py", "new/name.py", "gone.py", "fresh.py"}
    assert {path.name: path.read_text() for path in work.tree.rglob("*.py")} == {
        "a.py": "a = 1\nb = 3\ne = 5\n", "name.py": "c = 3\n", "fresh.py": "f = 6\n"
    }  # fmt: skip


async def test_a_patch_makes_and_removes_empty_files_and_sets_modes(begin: Begin) -> None:
    work = await begin({"gone": "", "plain.sh": "echo\n", "run.sh": "echo\n", "old.sh": "echo\n"})
    for name in ("run.sh", "old.sh"):
        (work.tree / name).chmod(0o755)
    patch = """\
diff --git a/gone b/gone
deleted file mode 100644
index e69de29..0000000
diff --git a/p/__init__.py b/p/__init__.py
new file mode 100644
index 0000000..e69de29
diff --git a/p/tool.sh b/p/tool.sh
new file mode 100755
--- /dev/null
+++ b/p/tool.sh
@@ -0,0 +1 @@
+echo
diff --git a/plain.sh b/plain.sh
old mode 100644
new mode 100755
diff --git a/run.sh b/run.sh
old mode 100755
new mode 100644
--- a/run.sh
+++ b/run.sh
@@ -1 +1 @@
-echo
+echo 1
diff --git a/old.sh b/new.sh
similarity index 100%
rename from old.sh
rename to new.sh
"""
    change = await work.do("apply_patch", patch=patch)
    assert change.paths == ("gone", "p/__init__.py", "p/tool.sh", "plain.sh", "run.sh", "old.sh", "new.sh")
    found = {str(path.relative_to(work.tree)): path for path in work.tree.rglob("*") if path.is_file()}
    assert {name: (path.read_text(), bool(path.stat().st_mode & 0o111)) for name, path in found.items()} == {
        "new.sh": ("echo\n", True),
        "p/__init__.py": ("", False), "p/tool.sh": ("echo\n", True), "plain.sh": ("echo\n", True), "run.sh": ("echo 1\n", False)
    }  # fmt: skip


async def test_long_comparisons_hold_up_nobody_else(begin: Begin) -> None:
    lines = [f"    value_{i} = compute(item_{i}, total + {i})" for i in range(20_000)]
    work = await begin({"m.txt": "\n".join(lines)})
    other = [line.replace("compute", "calculate") for line in lines[500:530]]
    hunk = "".join(f"-{line}\n" for line in other)
    begun = time.thread_time()  # of the thread in which everything waits
    with pytest.raises(EditRefused, match=r"The nearest places:\n +501 "):
        await work.do("edit", path="m.txt", search="\n".join(other), replace="x")
    with pytest.raises(EditRefused, match="none of its lines stand there together"):
        await work.do("apply_patch", patch=f"--- m.txt\n+++ m.txt\n@@\n{hunk}")
    assert time.thread_time() - begun < 0.2


async def test_a_full_disk_leaves_the_old_file(begin: Begin) -> None:
    work = await begin({"a.txt": "a" * 1000 + "!", "d/b.txt": "b"}, disk_bytes=1 << 20)
    files = WorkspaceFiles(work.sandbox, "python3")
    too_much = b"x" * (2 << 20)  # over the sandbox's largest file
    before = snapshot(work)
    with pytest.raises((PathRefused, EditRefused)):
        await files.write(
            [
                Written("d/b.txt", b"b", b"c"),
                Written("e/f.txt", None, b"f"),
                Written("a.txt", work.bytes("a.txt"), too_much),
            ]
        )
    assert snapshot(work) == before


async def test_a_file_that_something_else_changed_meanwhile_is_not_overwritten(begin: Begin) -> None:
    work = await begin({"a.txt": "now"})
    with pytest.raises(EditRefused, match="changed by something else"):
        await WorkspaceFiles(work.sandbox).write([Written("a.txt", b"then", b"new")])
    assert work.bytes("a.txt") == b"now"


async def test_a_read_only_file_or_directory_says_so(begin: Begin) -> None:
    work = await begin({"d/a.txt": "a"})
    give(work.tree)
    (work.tree / "d").chmod(0o555)
    assert "ermission denied" in await refused(work, "edit", path="d/a.txt", search="a", replace="b")
    (work.tree / "d").chmod(0o755)
