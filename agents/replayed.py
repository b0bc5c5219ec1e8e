"""A Run with a model, run again from the record of its calls; and where the second one left the way of the first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.errors import BadModelFile, RecordEnded, ReplayDiverged
from agents.models.account import CALLED, FAILED
from agents.request import Request
from agents.settings import Settings
from agents.trajectory import ENDED
from memory import Budget, Journal, RunRecord, Runs, Store

_MANY = 10**6


def record_directory(request: Request, settings: Settings, run_id: str) -> Path:
    """Where the calls of a Run's model are recorded."""
    return request.record or settings.state_dir / "records" / run_id


def find_run(runs: Runs, name: str) -> RunRecord:
    """The Run of that id, or of its beginning; "last" is the newest that is no replay. Raises UnknownRun."""
    newest = runs.list() if name == "last" else ()
    return next((run for run in newest if not _is_replay(run.request)), None) or runs.find(name)


def _is_replay(request: Mapping[str, Any]) -> bool:
    return str(request.get("model") or "").startswith("replay:")


def replay_request(run: RunRecord, store: Store, settings: Settings) -> Request:
    """The same Run from its record: the same commit, no server. Raises BadModelFile."""
    request = Request.model_validate(run.request)
    began = Journal(store, run.id).last("repository")
    if request.model is None or _is_replay(run.request):
        what = "is a replay itself" if request.model else "asked no model"
        raise BadModelFile(f"run {run.id} {what}; name a run that was started with --model")
    if began is None:
        raise BadModelFile(f"run {run.id} ended before its repository was read; there is nothing to replay")
    if run.state == "interrupted":
        raise BadModelFile(
            f"run {run.id} was interrupted, so that its record ends early; runoff resume {run.id} ends it"
        )
    directory = record_directory(request, settings, run.id)
    if not any(directory.glob("*.jsonl")):
        raise BadModelFile(f"run {run.id} has no record in {directory}; it may have been moved, or no call was made")
    limits = Budget.parse(request.budget or settings.budget)
    known = {
        "budget": _untimed(limits),
        "model": f"replay:{directory}",
        "record": None,
        "base_url": None,
        "other_models": (),
        "base": began.data["commit"],
    }
    return request.model_copy(update=known)


def _untimed(budget: Budget) -> str:
    """The limits that decisions count with; where time ended the recorded Run, its record ends."""
    counted = {"tokens": budget.tokens, "usd": budget.usd, "candidates": budget.candidates}
    limits = [f"{name}={value:.9f}" for name, value in counted.items() if value is not None]
    return ",".join(limits) or f"candidates={_MANY}"


def divergences(store: Store, run_id: str, replay: str) -> list[str]:
    """Where a replay asked something else than was recorded, in the order in which that was seen. That the record of a
    trajectory ends counts if it had ended by itself."""
    first, second = Journal(store, run_id), Journal(store, replay)
    turns = {event.data["trajectory"]: event.data["turns"] for event in first.of_kind(ENDED)}
    cut = _was_cut(first)

    def differs(data: Mapping[str, Any]) -> bool:
        if data["error"] == RecordEnded.__name__:
            return not cut or data["step"] < turns.get(data["trajectory"], 0)
        return bool(data["error"] == ReplayDiverged.__name__)

    return [event.data["why"] for event in second.of_kind(FAILED) if differs(event.data)]


def _was_cut(run: Journal) -> bool:
    """Whether a Run ended in the middle of a wave, or because nothing was left to spend."""
    decided = run.last("decision")
    return decided is None or decided.data["action"] != "stop" or "used up" in decided.data["why"]


def calls(store: Store, replay: str) -> int:
    """How many calls of the model were answered."""
    return sum(event.kind == CALLED for event in Journal(store, replay).events())
