"""Programs that differ are not said to behave alike, and those that cannot be compared are neither."""

from __future__ import annotations

import pytest

from agents.repair.behaviour import behaviours
from agents.testrun import base_run, coverage
from agents.testrun.harness.calls import shown
from selection import Candidate, Change, Provenance
from tests.agents.test_testrun import Start, start  # noqa: F401  (fixtures)
from tests.workspaces.conftest import live, state  # noqa: F401  (fixtures)

pytestmark = pytest.mark.bubblewrap

OBJECTS = """
class Box:
    def __init__(self, value): self.value = value

def boxed(n):
    return Box(n * 2)
"""
COUNTER = """
class Counter:
    def __init__(self): self.total = 0
    def add(self, n):
        self.total += n * 2
"""
LIST = """
def fill(found, n):
    found.append(n * 2)
"""
COROUTINE = """
import asyncio

async def later(n):
    await asyncio.sleep(0)
    return n * 2
"""
KEYWORDS = """
class Made:
    @classmethod
    def of(cls, n, *, times=1):
        return [n * 2] * times
"""
LOCK = """
import threading

class Held:
    def __init__(self, n): self.value, self.lock = n, threading.Lock()

def held(n):
    return Held(n * 2)
"""
CLOSURE = """
def later(n):
    return lambda: n * 2
"""


def calling(call: str) -> str:
    """Tests that call it with different inputs, and one that fails."""
    cases = "\n".join(f"def test_{n}(): {call.replace('N', str(n))}" for n in range(6))
    return f"import asyncio, m\n{cases}\ndef test_wrong(): assert 0\n"


async def digests(start: Start, source: str, call: str, *bodies: str) -> list[str | None]:  # noqa: F811
    session = await start({"m.py": source, "test_m.py": calling(call)})
    base = await base_run(session)
    candidates = []
    for body in bodies:
        change = Change("m.py", source.encode(), source.replace("n * 2", body).encode())
        candidates.append(Candidate(body, b"", (change,), Provenance("test")))
    found = (await behaviours(session, base, await coverage(session, base), candidates)).digests
    return [found.get(each.id) for each in candidates]


@pytest.mark.parametrize(
    ("source", "call"),
    [
        (OBJECTS, "m.boxed(N)"),
        (COUNTER, "m.Counter().add(N)"),
        (LIST, "m.fill([], N)"),
        (COROUTINE, "asyncio.run(m.later(N))"),
        (KEYWORDS, "m.Made.of(N, times=2)"),
    ],
)
async def test_what_a_call_leaves_tells_programs_apart(start: Start, source: str, call: str) -> None:  # noqa: F811
    one, other, different = await digests(start, source, call, "n + n", "2 * n", "n * 3")
    assert one is not None
    assert one == other
    assert different is not None
    assert different != one


@pytest.mark.parametrize(("source", "call"), [(LOCK, "m.held(N)"), (CLOSURE, "m.later(N)")])
async def test_what_cannot_be_told_is_alike_nothing(start: Start, source: str, call: str) -> None:  # noqa: F811
    assert await digests(start, source, call, "n + n", "n * 3") == [None, None]


async def test_what_differs_from_itself_is_alike_nothing_and_splits_nothing(start: Start) -> None:  # noqa: F811
    source = "import os\n\ndef double(n):\n    return n * 2\n"
    session = await start({"m.py": source, "test_m.py": calling("m.double(N)")})
    base = await base_run(session)
    candidates = [
        Candidate(
            body, b"", (Change("m.py", source.encode(), source.replace("n * 2", body).encode()),), Provenance("test")
        )
        for body in ("n + n", "2 * n", "n + os.urandom(1)[0]")
    ]
    found = await behaviours(session, base, await coverage(session, base), candidates)
    assert found.digests.keys() == {"n + n", "2 * n"}
    assert found.splits == ()


async def test_a_change_that_nothing_calls_is_alike_nothing(start: Start) -> None:  # noqa: F811
    source = "LIMIT = 2\ndef double(n):\n    return n * 2\ndef unused(n):\n    return n\n"
    session = await start({"m.py": source, "test_m.py": calling("m.double(N)")})
    base = await base_run(session)
    edits = [("n * 2", "n + n"), ("n * 2", "2 * n"), ("return n\n", "return 1\n"), ("LIMIT = 2", "LIMIT = 3")]
    candidates = [
        Candidate(new, b"", (Change("m.py", source.encode(), source.replace(old, new).encode()),), Provenance("test"))
        for old, new in edits
    ]
    found = (await behaviours(session, base, await coverage(session, base), candidates)).digests
    assert set(found) == {"n + n", "2 * n"}
    assert len(set(found.values())) == 1


async def test_beside_tests_and_files_that_are_no_python(start: Start) -> None:  # noqa: F811
    """A candidate's own tests change no behaviour; of another file nobody knows."""
    source = "def double(n):\n    return n * 2\n"
    session = await start({"m.py": source, "test_m.py": calling("m.double(N)"), "notes.md": "# one\n"})
    base = await base_run(session)

    def candidate(body: str, *more: Change) -> Candidate:
        change = Change("m.py", source.encode(), source.replace("n * 2", body).encode())
        return Candidate(body, b"", (change, *more), Provenance("test"))

    candidates = [
        candidate("n + n", Change("tests/test_new.py", None, b"def test_it():\n    assert 1\n")),
        candidate("2 * n"),
        candidate("n * 2 + 0", Change("notes.md", b"# one\n", b"# two: (\n")),
    ]
    found = (await behaviours(session, base, await coverage(session, base), candidates)).digests
    assert found.keys() == {"n + n", "2 * n"}
    assert found["n + n"] == found["2 * n"]


def test_an_object_is_shown_by_its_attributes_and_not_by_an_address() -> None:
    class Line:
        def __init__(self, price: int) -> None:
            self.price = price

    class Cart:
        def __init__(self) -> None:
            self.lines, self.names = [Line(3)], {"tea": Line(4)}

    assert (
        shown([Cart(), (Line(5),), 7])
        == "[Cart(lines=[Line(price=3)], names={'tea': Line(price=4)}), (Line(price=5),), 7]"
    )
    assert " at 0x" not in shown(object())
