"""`runoff resolve --model` from the command line: real repositories, real sandboxes, a scripted model; and its replay."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Runoff, commit, git, left_behind

pytestmark = pytest.mark.bubblewrap

REPOSITORIES = Path(__file__).parents[1] / "repositories"

# Windows line ends; the file that fails is not the file to mend
TABLETEXT = [
    'The rows come from parse.\n```\nhits = grep(pattern="def parse")\nbody = read(path=hits[0].path)\n```',
    """A test first.
```
t = create(path="tests/test_short.py", content='''from tabletext import parse


def test_a_short_row_is_filled_up():
    assert parse("a|b\\\\n1") == [["a", "b"], ["1", ""]]
''')
r = run_tests(selector="tests/test_short.py")
```""",
    """The header tells the width.
```
e = edit(path="tabletext/parse.py", search="longest = min((len(row) for row in rows), default=0)",
         replace="longest = len(rows[0]) - 1")
r = run_tests()
```""",
    """The longest row tells, and there may be none.
```
e = edit(path="tabletext/parse.py", search="longest = len(rows[0]) - 1",
         replace="longest = max((len(row) for row in rows), default=0)")
r = run_tests()
finish(answer="short rows are filled up with empty cells")
```""",
]

# a src layout, slow tests among fast ones
STOCKROOM = [
    'Look.\n```\nsymbols = find_symbol(name="Ledger.reserve")\nbody = read(path=symbols[0].path, first=symbols[0].line)\n```',
    """Reproduce.
```
t = create(path="tests/test_last.py", content='''from stockroom import Ledger


def test_the_last_items_can_be_reserved():
    ledger = Ledger()
    ledger.receive("nut", 5)
    ledger.reserve("nut", "B1", 5)
    assert ledger.free("nut") == 0
''')
r = run_tests(selector="tests/test_last.py")
```""",
    """Off by one.
```
e = edit(path="src/stockroom/ledger.py", search="if quantity >= self.free(code):",
         replace="if quantity > self.free(code) + 1:")
r = run_tests(selector="tests/test_ledger.py")
```""",
    """Too far.
```
e = edit(path="src/stockroom/ledger.py", search="self.free(code) + 1:", replace="self.free(code):")
r = run_tests(selector="tests/test_ledger.py")
finish(answer="exactly as many items as are free can be reserved")
```""",
]

# two files are changed, and a third is new
MAILROOM_FILES = {
    "conftest.py": "",
    "mailroom/__init__.py": "from mailroom.address import label\nfrom mailroom.router import depot\n\n"
    '__all__ = ["depot", "label"]\n',
    "mailroom/address.py": "def label(name, country):\n    return f'{name}\\n{country.upper()}'\n",
    "mailroom/router.py": "DEPOTS = {'germany': 'Leipzig', 'netherlands': 'Utrecht'}\n\n\n"
    "def depot(country):\n    return DEPOTS.get(country.lower(), 'Brussels')\n",
    "tests/test_mailroom.py": "from mailroom import depot, label\n\n\n"
    "def test_known_names():\n    assert depot('Germany') == 'Leipzig'\n    assert label('Ann', 'Spain') == 'Ann\\nSPAIN'\n\n\n"
    "def test_local_names():\n    assert depot(' Deutschland ') == 'Leipzig'\n"
    "    assert label('Ann', 'Deutschland') == 'Ann\\nGERMANY'\n",
}
MAILROOM_ISSUE = (
    "Countries are also written in their own language: `depot('Deutschland')` must be Leipzig, labels GERMANY."
)
MAILROOM = [
    'Look.\n```\na = read(path="mailroom/address.py")\nb = read(path="mailroom/router.py")\nr = run_tests()\n```',
    """The router first.
```
c = create(path="mailroom/countries.py", content='''OWN = {"deutschland": "germany", "nederland": "netherlands"}


def english(country):
    name = country.lower()
    return OWN.get(name, name)
''')
e = edit(path="mailroom/router.py", search="DEPOTS.get(country.lower(), 'Brussels')",
         replace="DEPOTS.get(english(country), 'Brussels')")
i = edit(path="mailroom/router.py", search="DEPOTS = {", replace="from mailroom.countries import english\\n\\nDEPOTS = {")
r = run_tests()
```""",
    """Spaces around it, and the label.
```
c = edit(path="mailroom/countries.py", search="country.lower()", replace="country.strip().lower()")
e = edit(path="mailroom/address.py", search="{country.upper()}", replace="{english(country).upper()}")
i = edit(path="mailroom/address.py", search="def label", replace="from mailroom.countries import english\\n\\n\\ndef label")
r = run_tests()
finish(answer="both use one table of countries in their own language")
```""",
]


def script_of(path: Path, answers: Sequence[str]) -> str:
    path.write_text(json.dumps({"answers": answers}))
    return f"scripted:{path}"


def repository(name: str, repo: Path) -> str:
    """Make a repository; returns its issue."""
    if name == "mailroom":
        for path, text in MAILROOM_FILES.items():
            (repo / path).parent.mkdir(parents=True, exist_ok=True)
            (repo / path).write_text(text)
    else:
        shutil.copytree(REPOSITORIES / name / "repo", repo)
    git(repo, "init", "-q")
    commit(repo)
    return MAILROOM_ISSUE if name == "mailroom" else (REPOSITORIES / name / "issue.md").read_text()


def failures_seen(journal: Path) -> list[int]:
    """How many tests failed, each time that the model ran them."""
    events: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text().splitlines()]
    return [ran["failed"] for event in events if event["kind"] == "trajectory.turn" for ran in event["tested"]]


@pytest.mark.parametrize(
    ("name", "answers", "changed"),
    [
        ("tabletext", TABLETEXT, {"tabletext/parse.py", "tests/test_short.py"}),
        ("stockroom", STOCKROOM, {"src/stockroom/ledger.py", "tests/test_last.py"}),
        ("mailroom", MAILROOM, {"mailroom/address.py", "mailroom/router.py", "mailroom/countries.py"}),
    ],
)
def test_a_model_looks_reproduces_errs_mends_and_wins(
    runoff: Runoff, tmp_path: Path, name: str, answers: list[str], changed: set[str]
) -> None:
    issue = repository(name, tmp_path / "repo")
    model = script_of(tmp_path / "script.json", answers)
    arguments = ["--issue", issue, "--model", model, "-o", tmp_path / "out"]
    ended = runoff("resolve", tmp_path / "repo", *arguments, RUNOFF_TRAJECTORIES="1")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    patch = (tmp_path / "out" / "patch.diff").read_bytes()
    assert {line.split()[-1][2:].decode() for line in patch.splitlines() if line.startswith(b"diff ")} == changed
    assert verdict["confidence"] > 0
    tries = failures_seen(tmp_path / "out" / "journal.jsonl")
    assert tries[-1] == 0
    assert tries[-2] > 0  # it saw its first edit fail
    assert left_behind(tmp_path / "state") == []
    plans = runoff("plan", "--run", "last").stdout
    assert all(f"plan 1.{number}:" in plans for number in range(1, len(answers) + 1))
    assert plans.partition("plan 1.1:")[2].count("actual: ok") >= len(answers)
    replayed = runoff("replay", "last", RUNOFF_TRAJECTORIES="1")
    assert replayed.returncode == 0, replayed.stderr + replayed.stdout
    assert f"replayed {len(answers)} calls" in replayed.stdout
    assert "won, as then" in replayed.stdout


def test_a_replay_says_where_it_takes_another_way(runoff: Runoff, tmp_path: Path) -> None:
    issue = repository("mailroom", tmp_path / "repo")
    model = script_of(tmp_path / "script.json", MAILROOM)
    arguments = ["--issue", issue, "--model", model, "--record", tmp_path / "record"]
    assert runoff("resolve", tmp_path / "repo", *arguments, RUNOFF_TRAJECTORIES="1").returncode == 0
    recorded = tmp_path / "record" / "1.jsonl"
    lines = recorded.read_text().splitlines(keepends=True)
    assert len(lines) == len(MAILROOM)
    recorded.write_text(lines[0] + lines[1].replace("english(country)", "english(nobody)") + lines[2])
    for _ in range(2):  # "last" is no replay
        replayed = runoff("replay", "last", RUNOFF_TRAJECTORIES="1")
        assert replayed.returncode == 1
        assert "diverged at trajectory 1, step 2: message" in replayed.stdout
    opened = next(line for line in runoff("show", "last", "--journal").stdout.splitlines() if '"run.opened"' in line)
    refused = runoff("replay", json.loads(opened)["run"])
    assert refused.returncode == 2
    assert "is a replay itself" in refused.stderr


def test_a_run_without_a_model_has_no_record(runoff: Runoff, repo: Path) -> None:
    runoff("resolve", repo, "--issue", "half(4) gives 8", "--budget", "candidates=1")
    refused = runoff("replay", "last")
    assert refused.returncode == 2
    assert "asked no model; name a run that was started with --model" in refused.stderr
