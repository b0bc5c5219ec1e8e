"""The record of a run's calls: DIR/<trajectory>.jsonl, one whole line for each call, without secrets.

A line: {"step", "hash", "model", "context", "same", "request", "answer" | "error"}. A history only grows, so that a request
holds the messages that are new: the first `same` of them are those of the line before. `hash` is of the request as a whole;
`context`: tokens that the model held, as far as was known. A call that the budget refused is a line, too. DIR/run names the Run
whose record it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.errors import BadModelFile, ModelError
from agents.models.metrics import ServerLoad
from agents.models.secrets import Secrets
from agents.models.turn import Message, ModelAnswer, ModelRequest, OnDelta, Weighed, common, request_hash
from memory import LimitExceeded

if TYPE_CHECKING:
    from agents.models import Model

_OWNER = "run"
REFUSED = "LimitExceeded"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call of a record: what was asked (ModelRequest.asked), and what came."""

    step: int
    hash: str
    model: str
    context: int | None
    asked: Mapping[str, Any]
    answer: ModelAnswer | None
    error: Mapping[str, Any] | None


class Recorder:
    """A model whose calls are written down as they happen, in a directory that is there (see `claim`)."""

    def __init__(self, inner: Model, directory: Path, secrets: Secrets | None = None) -> None:
        self._inner = inner
        self._directory = directory
        self._secrets = secrets or Secrets()
        self._cleaned = Cleaned(self._secrets)
        self._last: dict[str, list[Message]] = {}
        self.name = inner.name

    @property
    def context_tokens(self) -> int | None:
        return self._inner.context_tokens

    async def complete(self, request: ModelRequest, *, on_delta: OnDelta | None = None) -> ModelAnswer:
        """Ask the model, and write down the call before its answer is used."""
        try:
            answer = await self._inner.complete(request, on_delta=on_delta)
        except ModelError as error:
            self._write(request, {"error": {"kind": type(error).__name__, "why": str(error)}})
            raise
        except LimitExceeded as limit:
            figures = {"of": limit.kind, "limit": limit.limit, "used": limit.used, "where": limit.where}
            self._write(request, {"error": {"kind": REFUSED, **figures}})
            raise
        self._write(request, {"answer": answer.as_json()})
        return answer

    async def load(self, issue: str) -> ServerLoad | None:
        return await self._inner.load(issue)

    async def close(self) -> None:
        await self._inner.close()

    def _write(self, request: ModelRequest, outcome: Mapping[str, Any]) -> None:
        asked = self._cleaned.asked(request)
        before = self._last.pop(request.trajectory, None)  # after a line that was not written whole, one begins anew
        same = common(before or [], asked["messages"])
        line = {
            "step": request.step,
            "hash": request_hash(asked, self.name),
            "model": self.name,
            "context": self.context_tokens,
            "same": same,
            "request": asked | {"messages": asked["messages"][same:]},
            **self._secrets.clean_data(outcome),
        }
        path = path_of(self._directory, request.trajectory)
        if before is None:
            _cut_torn_line(path)
        data = json.dumps(line).encode() + b"\n"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as record:
            record.write(data)
        self._last[request.trajectory] = asked["messages"]


def claim(directory: Path, run_id: str) -> None:
    """Make a directory the record of one Run, which may come back to it. Raises BadModelFile when it cannot be made, or
    holds the record of another one: nothing would tell the calls of the two apart."""
    owner = directory / _OWNER
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not owner.exists() and not any(directory.glob("*.jsonl")):
            with tempfile.NamedTemporaryFile("w", dir=directory) as written, contextlib.suppress(FileExistsError):
                written.write(run_id)
                written.flush()
                os.link(written.name, owner)  # whole, and the first one's
        held_by = owner.read_text("utf-8", "replace") if owner.exists() else ""
    except OSError as error:
        raise BadModelFile(f"the record {directory} cannot be made: {error.strerror}") from error
    if held_by != run_id:
        other = f"run {held_by}" if held_by else "another run"
        raise BadModelFile(f"{directory} holds the record of {other}; name another directory with --record")


class Cleaned:
    """Requests without secrets. A trajectory's history only grows, so that each message is looked through once; what else is
    asked is mostly as it was the last time."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._known: dict[str, tuple[list[Message], Weighed]] = {}
        self._rest: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    def asked(self, request: ModelRequest) -> dict[str, Any]:
        """`request.asked()` without secrets."""
        asked = request.asked()
        messages = asked.pop("messages")
        before, cleaned = self._known.get(request.trajectory, ([], Weighed(())))
        same = common(before, messages)
        cleaned = Weighed([*cleaned[:same], *self._secrets.clean_data(messages[same:])], cleaned)
        self._known[request.trajectory] = (messages, cleaned)
        if asked != self._rest[0]:
            self._rest = (asked, self._secrets.clean_data(asked))
        return {"messages": cleaned, **self._rest[1]}


def path_of(directory: Path, trajectory: str) -> Path:
    """The file of a trajectory's calls."""
    if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", trajectory):
        return directory / f"{trajectory}.jsonl"
    return directory / f"_{hashlib.sha256(trajectory.encode()).hexdigest()[:16]}.jsonl"  # no name for a file


def read_record(path: Path) -> Iterator[Recorded]:
    """The calls of one file, in order; a last line without an end is what a crash left, and is skipped.

    Raises BadModelFile when it cannot be read, or a line is not what Recorder writes.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise BadModelFile(f"the record {path} cannot be read: {error.strerror}") from error
    messages: list[Message] = []
    for number, line in enumerate(lines, 1):
        try:
            data = json.loads(line)
            messages = [*messages[: data["same"]], *data["request"]["messages"]]
            failed = data.get("error")
            yield Recorded(
                step=data["step"],
                hash=data["hash"],
                model=data["model"],
                context=data["context"],
                asked=data["request"] | {"messages": messages},
                answer=None if failed else ModelAnswer.from_json(data["answer"]),
                error=failed,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            raise BadModelFile(f"the record {path}, line {number}, is damaged: {fault!r}") from fault


def _cut_torn_line(path: Path) -> None:
    """Take away what a crash left behind the last whole line, so that the next line begins on its own."""
    if path.exists() and not (data := path.read_bytes()).endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)
