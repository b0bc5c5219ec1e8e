"""However a Run ends, what it found comes out, it stays within its budget, and an interrupted one goes on where it was."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.request import Request
from agents.resolve import Outcome, resolve
from agents.settings import Settings
from memory import Event, Journal, Runs, Store, bill_of
from tests.api.conftest import FAULTY, ISSUE, commit, repo  # noqa: F401  (a fixture)
from tests.api.test_cli import ENDLESS, hopeless
from tests.lean import lean_python
from workspaces import RepositoryError

pytestmark = pytest.mark.bubblewrap


class Machine:
    """A state directory, and Runs in it."""

    def __init__(self, state_dir: Path) -> None:
        self.settings = Settings(state_dir=state_dir, python=lean_python(), workers=2)
        self.store = Store.open(state_dir)
        self.runs = Runs(self.store)

    async def resolve(
        self,
        repo: Path,  # noqa: F811
        budget: str,
        on_event: Callable[[Event], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> Outcome:
        request = Request(repo=repo, issue=ISSUE, budget=budget)
        return await resolve(request, self.settings, self.store, on_event=on_event, stop=stop)

    async def resume(self) -> Outcome:
        record = self.runs.reopen("last")
        return await resolve(Request.model_validate(record.request), self.settings, self.store, run_id=record.id)

    def events(self, kind: str) -> list[Event]:
        return [event for event in Journal(self.store, self.runs.find("last").id).events() if event.kind == kind]

    def spent(self, kind: str) -> float:
        return bill_of(Journal(self.store, self.runs.find("last").id).events()).total.as_dict()[kind]

    def checkpoints(self) -> int:
        with sqlite3.connect(self.settings.state_dir / "checkpoints.db") as connection:
            return int(connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "state")


def kill_supervisor() -> None:
    """The process that holds all sandboxes of this one."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    for pid in children:
        if b"supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGKILL)


async def test_a_run_whose_sandboxes_die_goes_on_in_fresh_ones(machine: Machine, repo: Path) -> None:  # noqa: F811
    killed = 0

    def kill_once(event: Event) -> None:
        nonlocal killed
        if event.kind == "candidate" and not killed:
            killed += 1
            kill_supervisor()

    outcome = await machine.resolve(repo, "wall=60s,candidates=40", kill_once)
    assert killed
    assert outcome.verdict.winner
    assert "error" not in outcome.verdict.stopped
    assert any("a sandbox died" in event.data["text"] for event in machine.events("note"))
    assert machine.runs.find("last").state == "resolved"


async def test_an_error_after_a_candidate_was_found_does_not_throw_it_away(
    machine: Machine,
    repo: Path,  # noqa: F811
) -> None:
    def fail(event: Event) -> None:
        if event.kind == "decision":
            raise OSError("the terminal is gone")

    outcome = await machine.resolve(repo, "wall=60s,candidates=40", fail)
    assert outcome.verdict.winner
    assert "the terminal is gone" in outcome.verdict.stopped
    assert machine.runs.find("last").state == "resolved"
    assert machine.checkpoints() == 0


async def test_a_test_without_a_vote_is_named_in_journal_and_verdict(machine: Machine, repo: Path) -> None:  # noqa: F811
    with (repo / "tests" / "test_halves.py").open("a") as tests:
        tests.write("\n\ndef test_leaves():\n    import halves\n    halves.left = 1\n")
        tests.write("\n\ndef test_leftover():\n    import halves\n    assert not hasattr(halves, 'left')\n")
    commit(repo)
    outcome = await machine.resolve(repo, "wall=60s,candidates=20")
    assert outcome.verdict.winner
    probes = {probe.id.split("::")[1]: probe.kind for probe in outcome.verdict.probes if probe.kind != "example"}
    assert probes == {"test_half": "target", "test_leaves": "regression"}
    (note,) = [each for each in outcome.verdict.notes if "--ask" not in each]
    assert "test_leftover" in note
    assert note in [event.data["text"] for event in machine.events("note")]


async def interrupt_after_a_wave(machine: Machine, repo: Path) -> None:  # noqa: F811
    stop = asyncio.Event()

    def interrupt(event: Event) -> None:
        if event.kind == "decision":
            stop.set()

    hopeless(repo)
    assert (await machine.resolve(repo, "wall=120s,candidates=400", interrupt, stop)).interrupted
    assert machine.checkpoints() > 0


async def test_a_resumed_run_works_on_the_commit_on_which_it_began(machine: Machine, repo: Path) -> None:  # noqa: F811
    await interrupt_after_a_wave(machine, repo)
    (repo / "halves.py").write_text(FAULTY)
    commit(repo)
    (repo / "halves.py").write_text("not committed")
    outcome = await machine.resume()
    assert outcome.verdict.winner is None
    first, second = machine.events("repository")
    assert first.data["commit"] == second.data["commit"]
    assert machine.checkpoints() == 0


async def test_a_run_that_cannot_be_resumed_now_can_be_resumed_later(machine: Machine, repo: Path) -> None:  # noqa: F811
    await interrupt_after_a_wave(machine, repo)
    away = repo.rename(repo.with_name("away"))
    with pytest.raises(RepositoryError):
        await machine.resume()
    assert machine.runs.find("last").state == "interrupted"
    away.rename(repo)
    await machine.resume()
    assert machine.runs.find("last").state == "unresolved"


async def test_what_ends_by_its_time_or_fails_leaves_no_checkpoints(machine: Machine, repo: Path) -> None:  # noqa: F811
    (repo / "halves.py").write_text(FAULTY.replace("*", "//"))
    commit(repo)
    with pytest.raises(ValueError, match="tests pass"):
        await machine.resolve(repo, "wall=60s")
    assert machine.runs.find("last").state == "failed"
    (repo / "halves.py").write_text(ENDLESS)
    commit(repo)
    await machine.resolve(repo, "wall=4s")
    assert machine.checkpoints() == 0


@pytest.mark.parametrize("seconds", [3, 12])
async def test_sandboxes_are_not_held_for_longer_than_their_budget(
    machine: Machine,
    repo: Path,  # noqa: F811
    seconds: int,
) -> None:
    hopeless(repo)
    outcome = await machine.resolve(repo, f"sandbox={seconds}s")
    assert outcome.verdict.winner is None
    assert "sandbox" in outcome.verdict.stopped
    assert 0 < machine.spent("sandbox_s") <= seconds


@pytest.mark.parametrize("candidates", [1, 2, 5])
async def test_no_more_candidates_are_tried_than_the_budget_allows(
    machine: Machine,
    repo: Path,  # noqa: F811
    candidates: int,
) -> None:
    outcome = await machine.resolve(repo, f"candidates={candidates}")
    assert machine.spent("candidates") <= candidates
    assert f"candidates={candidates}" in outcome.verdict.stopped


async def test_an_example_of_the_issue_that_holds_today_has_no_vote(machine: Machine, repo: Path) -> None:  # noqa: F811
    """It tells what is wrong; one that does not hold tells what is right."""
    issue = "half(4) gives 8. It should be: half(6) is 3"
    outcome = await resolve(
        Request(repo=repo, issue=issue, budget="wall=60s,candidates=20"), machine.settings, machine.store
    )
    examples = [probe.id for probe in outcome.verdict.probes if probe.kind == "example"]
    assert examples == ["example 1: half(6) is 3"]
    assert outcome.verdict.winner
