"""A model that answers from a record, byte for byte, and says where a run leaves it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from agents import errors
from agents.errors import BadModelFile, RecordEnded, ReplayDiverged
from agents.models.record import REFUSED, Cleaned, Recorded, path_of, read_record
from agents.models.secrets import Secrets
from agents.models.turn import ModelAnswer, ModelRequest, request_hash
from memory import LimitExceeded

_SHOWN = 120


def recorded_models(directory: Path) -> dict[str, int | None]:
    """The models in a record and the tokens that each held, that of the first trajectory first. Raises BadModelFile when there
    is none."""
    paths = sorted(directory.glob("*.jsonl"), key=lambda path: (not path.stem.isdecimal(), len(path.stem), path.stem))
    models: dict[str, int | None] = {}
    for first in (next(read_record(path), None) for path in paths):
        if first is not None:
            models.setdefault(first.model, first.context)
    if not models:
        raise BadModelFile(f"{directory} holds no record; make one with --record {directory}")
    return models


class Replay:
    """One of a record's models. It answers by (trajectory, step); of a call that was recorded twice (a run that was
    resumed), the last counts."""

    endpoint = "replay"

    def __init__(self, directory: Path, secrets: Secrets | None = None, *, name: str | None = None) -> None:
        """name: which of the record's models, by default the first. Raises BadModelFile when there is no record."""
        models = recorded_models(directory)
        self.name = name or next(iter(models))
        self.context_tokens = models.get(self.name)
        self._directory = directory
        self._cleaned = Cleaned(secrets or Secrets())
        self._calls: dict[str, dict[int, Recorded]] = {}

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """What was answered then. Raises ReplayDiverged, RecordEnded, and what the recorded call raised."""
        calls = self._recorded(request.trajectory)
        recorded = calls.get(request.step)
        where = f"trajectory {request.trajectory or '-'}, step {request.step}"
        if recorded is None:
            kind = RecordEnded if request.step > max(calls, default=-1) else ReplayDiverged
            raise kind(f"{where}: the recorded run made no such call", request.trajectory, request.step, None)
        if recorded.model != self.name:
            text = f"{where}: {recorded.model} was asked, and {self.name} is now"
            raise ReplayDiverged(text, request.trajectory, request.step, None)
        asked = self._cleaned.asked(request)
        if request_hash(asked, recorded.model) != recorded.hash:
            message, what = _difference(recorded.asked, json.loads(json.dumps(asked)))
            raise ReplayDiverged(f"{where}: {what}", request.trajectory, request.step, message)
        if recorded.answer is not None:
            return recorded.answer
        assert recorded.error is not None, "a line holds an answer or an error"
        raise _error(recorded.error)

    def _recorded(self, trajectory: str) -> dict[int, Recorded]:
        if trajectory not in self._calls:
            path = path_of(self._directory, trajectory)
            self._calls[trajectory] = {each.step: each for each in read_record(path)} if path.exists() else {}
        return self._calls[trajectory]


def _error(recorded: Mapping[str, Any]) -> Exception:
    """What the recorded call raised."""
    if recorded["kind"] == REFUSED:
        return LimitExceeded(recorded["of"], recorded["limit"], recorded["used"], recorded["where"])
    kind: type[errors.ModelError] = getattr(errors, recorded["kind"], errors.ModelError)
    return kind(recorded["why"])


def _difference(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[int | None, str]:
    """The index of the first message that differs, and the difference in words."""
    pairs: Sequence[tuple[Any, Any]] = list(zip_longest(recorded["messages"], asked["messages"]))
    for index, (old, new) in enumerate(pairs):
        if old != new:
            return index, f"message {index} is {_near(new, old)}, and was {_near(old, new)} when it was recorded"
    names = [name for name in asked if name != "messages" and asked[name] != recorded.get(name)]
    return None, f"the messages are the same, but {', '.join(names) or 'something else'} differs from the record"


def _near(message: Any, other: Any) -> str:
    """A message, from shortly before where it leaves the other one."""
    if message is None:
        return "missing"
    text, with_it = json.dumps(message), json.dumps(other)
    pairs = zip(text, with_it, strict=False)
    start = next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(text), len(with_it)))
    begin = max(0, start - _SHOWN // 2)
    shown = text[begin : begin + _SHOWN]
    return f"{'…' if begin else ''}{shown}{'…' if begin + _SHOWN < len(text) else ''}"
