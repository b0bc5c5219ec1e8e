"""A Run with a model, run again from the record of its calls; and where the second one left the way of the first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.errors import BadModelFile
from agents.models.account import CALLED, FAILED
from agents.request import Request
from agents.settings import Settings
from memory import Journal, RunRecord, Runs, Store


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
    known = {
        "model": f"replay:{directory}",
        "record": None,
        "base_url": None,
        "other_models": (),
        "base": began.data["commit"],
    }
    return request.model_copy(update=known)


def divergences(store: Store, replay: str) -> list[str]:
    """Where a replay asked something else than was recorded, in the order in which that was seen."""
    events = Journal(store, replay).events()
    return [event.data["why"] for event in events if event.kind == FAILED and event.data["error"] == "ReplayDiverged"]


def calls(store: Store, replay: str) -> int:
    """How many calls of the model were answered."""
    return sum(event.kind == CALLED for event in Journal(store, replay).events())
