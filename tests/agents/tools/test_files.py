"""Finding, searching and reading files happens inside the sandbox, follows no link, and says what to do when it cannot."""

from __future__ import annotations

import os
import time

import pytest

from agents.errors import BadPattern, PathRefused, ToolError, ToolsUnusable, ToolTimeout
from agents.tools import files as tools_files
from agents.tools.files import WorkspaceFiles
from tests.agents.tools.conftest import Begin
from workspaces.errors import SandboxDied

pytestmark = pytest.mark.bubblewrap

FILES: dict[str, str | bytes] = {
    "src/app.py": "import os\n\ndef Half(n):\n    return n / 2\n",
    "src/deep/util.py": "half = 1\r\nother = half\r\n",
    "node_modules/x/half.py": "half = 1\n",
    "data.bin": b"half\0\1\2",
    "notes.txt": "nothing\n" * 30,
}


async def test_grep_gives_hits_with_their_lines(begin: Begin) -> None:
    work = await begin(FILES)
    hits = await work.do("grep", pattern=r"^half\b", context=1)
    assert [(hit.path, hit.line, hit.text, hit.after) for hit in hits.hits] == [
        ("src/deep/util.py", 1, "half = 1", ("other = half",))
    ]
    assert hits[0] == hits.hits[0]
    assert (await work.do("grep", pattern="HALF", ignore_case=True)).total == 3
    assert (await work.do("grep", pattern="half", path="src/app.py")).total == 0
    assert (await work.do("grep", pattern="half", path="node_modules")).total == 1
    assert (await work.do("grep", pattern="half$", glob="deep/*.py", path="src")).total == 1
    assert (await work.do("grep", pattern="Half(n)", literal=True))[0].line == 3
    limited = await work.do("grep", pattern="not", limit=2)
    assert (len(limited.hits), limited.total) == (2, 30)
    assert "2 of 30 hits" in limited.as_text()


async def test_a_long_line_is_cut_around_its_hit_and_says_so(begin: Begin) -> None:
    long = "a" * 1000
    work = await begin({"a.txt": f"{long}needle{long}\n{long}\n", "b.txt": "a" * 394 + "needle\n"})
    cut, whole = (await work.do("grep", pattern="needle", context=1)).hits
    assert (cut.text, cut.after) == (f"…{'a' * 100}needle{'a' * 294}…", (f"{'a' * 400}…",))
    assert whole.text == "a" * 394 + "needle"


async def test_lines_around_neighbouring_hits_are_shown_once_and_in_order(begin: Begin) -> None:
    work = await begin({"a.txt": "a\nb hit\nc hit\nd\ne\nf\ng hit\n"})
    shown = (await work.do("grep", pattern="hit", context=1)).as_text()
    lines = ["1- a", "2: b hit", "3: c hit", "4- d", "--", "6- f", "7: g hit"]
    assert [line.strip() for line in shown.split("\n")] == ["a.txt", *lines]


async def test_find_read_and_outline(begin: Begin) -> None:
    work = await begin(FILES)
    found = await work.do("find_files", glob="*.py")
    assert [file.path for file in found.files] == ["src/app.py", "src/deep/util.py"]
    body = await work.do("read", path=found[0].path, first=3, last=9)
    assert (body.text, body.first, body.last, body.lines) == ("def Half(n):\n    return n / 2\n", 3, 4, 4)
    assert "     3  def Half(n):" in body.as_text()
    assert "has only 4 lines" in (await work.do("read", path="src/app.py", first=50)).as_text()
    with pytest.raises(ToolError, match="last=1 lies before first=3"):
        await work.do("read", path="src/app.py", first=3, last=1)
    outline = await work.do("outline", path="src/app.py")
    assert (outline[0].name, outline[0].line, outline[0].end_line) == ("Half", 3, 4)


async def test_definitions_and_references_over_files(begin: Begin) -> None:
    classes = "class A:\n    def run(self): pass\n\nclass B:\n    def run(self): pass\n"
    work = await begin(
        {"a.py": classes, "b.go": "package b\nfunc run() { run() }\n", "c.md": "run\n", "d.py": "A().run()\n"}
    )
    both = await work.do("find_symbol", name="run")
    assert [(each.path, each.name) for each in both.symbols] == [("b.go", "run"), ("a.py", "A.run"), ("a.py", "B.run")]
    one = await work.do("find_symbol", name="B::run()")
    assert (one[0].line, one[0].end_line, one.total) == (5, 5, 1)
    none = await work.do("find_symbol", name="C.run")
    assert none.total == 0
    assert {each.name for each in none.near} == {"A.run", "B.run", "run"}
    assert (await work.do("find_symbol", name="RUN")).near[0].name == "run"
    for nothing in (".", "::", "def run", " "):
        with pytest.raises(BadPattern, match="is no name"):
            await work.do("find_symbol", name=nothing)
    uses = await work.do("find_references", name="run")
    assert [(each.path, each.line, each.kind) for each in uses.references] == [("b.go", 2, "call"), ("d.py", 1, "call")]
    assert uses.complete
    assert not (await work.do("find_references", name="run", limit=1)).complete


async def test_a_link_is_no_file(begin: Begin) -> None:
    work = await begin(FILES)
    os.symlink("/etc/passwd", work.tree / "out")
    os.symlink("/etc", work.tree / "etc")
    os.symlink("src/app.py", work.tree / "alias")
    os.symlink("nowhere", work.tree / "dangling")
    for path in ("out", "etc/passwd", "dangling"):
        with pytest.raises(PathRefused, match="a link that leads out of the workspace or to nothing"):
            await work.do("read", path=path)
        with pytest.raises(PathRefused):
            await work.do("create", path=path, content="x", overwrite=True)
        with pytest.raises(PathRefused):
            await work.do("delete", path=path)
    with pytest.raises(PathRefused, match=r"alias is a link to src/app\.py; use that path"):
        await work.do("edit", path="alias", search="os", replace="sys")
    assert (await work.do("grep", pattern="root:")).total == 0
    assert {file.path for file in (await work.do("find_files", glob="*")).files} == {
        "data.bin", "notes.txt", "src/app.py", "src/deep/util.py"
    }  # fmt: skip


async def test_what_cannot_be_read_says_why_and_what_to_do(begin: Begin) -> None:
    work = await begin(FILES)
    os.mkfifo(work.tree / "pipe")
    with open(work.tree / "huge", "wb") as file:
        file.truncate(100 << 20)
    for path, said in (
        ("src/nope.py", "there is no src/nope.py; find_files"),
        ("src/app.py/x", "there is no src/app.py/x"),
        ("src/*.py", "a glob goes into `glob`"),
        ("src", "src is a directory; name a file in it"),
        ("pipe", "pipe is no regular file"),
        ("data.bin", "a binary file of 7 bytes"),
        ("huge", r"huge has 104857600 bytes, more than the 8388608"),
    ):
        with pytest.raises(PathRefused, match=said):
            await work.do("read", path=path)
    with pytest.raises(BadPattern, match=r"unterminated.*literal=True"):
        await work.do("grep", pattern="f(")
    with pytest.raises(PathRefused, match="languages"):
        await work.do("outline", path="notes.txt")


async def test_odd_names_and_contents_do_no_harm(begin: Begin) -> None:
    work = await begin({"a b/ü.py": "x = 1\n", "latin.py": "# caf\xe9\nx = 1\n".encode("latin-1")})
    (work.tree / os.fsdecode(b"bad\xff.py")).write_bytes(b"x = 1\n")
    (work.tree / "new\nline.py").write_text("x = 1\n")
    assert (await work.do("grep", pattern="^x = 1")).total == 4
    assert (await work.do("read", path="a b/ü.py")).text == "x = 1\n"
    assert (await work.do("read", path="latin.py")).text == "# café\nx = 1\n"
    assert (await work.do("find_symbol", name="x")).total == 4


async def test_a_pattern_that_never_ends_is_ended(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools_files, "TIMEOUT_S", 2.0)
    work = await begin({"a.txt": "a" * 60 + "!\n"})
    with pytest.raises(ToolTimeout, match="give a simpler pattern"):
        await work.do("grep", pattern="(a+)+$")


async def test_the_providers_failure_is_not_the_models(begin: Begin) -> None:
    work = await begin(FILES)
    with pytest.raises(ToolsUnusable, match=r"Python 3\.8 or newer is needed"):
        await WorkspaceFiles(work.sandbox, "no-such-python").read("notes.txt")
    await work.sandbox.close()
    for tool, arguments in (("read", {"path": "notes.txt"}), ("run", {"command": "true"}), ("run_tests", {})):
        with pytest.raises(SandboxDied):
            await work.do(tool, **arguments)


async def test_two_thousand_files_are_searched_in_well_under_a_second(begin: Begin) -> None:
    source = "".join(f"def function_{number}(a, b):\n    return a + b  # some more text\n\n\n" for number in range(40))
    files: dict[str, str | bytes] = {f"src/p{number % 40}/m{number}.py": source for number in range(2000)}
    files["src/p1/needle.py"] = "def needle(): pass\n\nneedle()\n"
    work = await begin(files)
    await work.do("grep", pattern="warm")
    spent: dict[str, float] = {}
    for tool, arguments in (
        ("grep", {"pattern": r"def needle\b"}),
        ("find_files", {"glob": "*.py"}),
        ("find_symbol", {"name": "needle"}),
        ("find_references", {"name": "needle"}),
    ):
        begun = time.perf_counter()
        await work.do(tool, **arguments)
        spent[tool] = time.perf_counter() - begun
    print(spent)
    assert max(spent.values()) < 10  # far more than it takes: the figures belong to the benchmarks
