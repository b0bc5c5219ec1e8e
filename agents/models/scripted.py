"""A model that says what a script says: for tests, demonstrations and benchmarks of everything around a model.

A script is a JSON file, or a function. The file:

    {"name": "demo",                        optional
     "delay_s": 0.0,                        optional; how long each answer takes
     "answers": ["…", {"text": "…"}, …],    for every trajectory, in the order of its steps
     "trajectories": {"2": ["…"]}}          optional; another list for some trajectories

or only the list of answers. An answer is a text, or an object with `text`, `tool_calls` ([{"name", "arguments"}]),
`finish`, `choices` (a list of such answers, when n is above 1), or `error` (the name of a ModelError) and `why`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from agents import errors
from agents.errors import BadModelFile, ModelError
from agents.models.turn import Choice, ModelAnswer, ModelRequest, ToolCall, Usage, size_of

Said = str | Mapping[str, Any]
Script = Callable[[ModelRequest], Said]


class Scripted:
    """Answers by step: it keeps no state, so that a resumed trajectory goes on where it was. Tokens are bytes / 4."""

    endpoint = "scripted"
    context_tokens = None

    def __init__(self, script: Script | Sequence[Said], *, name: str = "scripted", delay_s: float = 0.0) -> None:
        self.name = name
        self._script = script if callable(script) else _by_step({None: list(script)})
        self._delay_s = delay_s

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a script. Raises BadModelFile, which says what is wrong with it."""
        try:
            data = json.loads(path.read_bytes())
        except OSError as error:
            raise BadModelFile(f"the script {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise BadModelFile(f"the script {path} is not JSON: {error}") from error
        whole = {"answers": data} if isinstance(data, list) else data
        if not isinstance(whole, dict) or not ({"answers", "trajectories"} & set(whole)):
            raise BadModelFile(f'the script {path} has no "answers": write a list of texts')
        some, delay_s = whole.get("trajectories", {}), whole.get("delay_s", 0)
        if not isinstance(some, dict):
            raise BadModelFile(f"the script {path}: trajectories must be an object of lists")
        if not isinstance(delay_s, (int, float)):
            raise BadModelFile(f"the script {path}: delay_s must be a number")
        lists: dict[str | None, Any] = {None: whole.get("answers", []), **some}
        for key, answers in lists.items():
            if not isinstance(answers, list) or not all(isinstance(each, (str, dict)) for each in answers):
                where = "answers" if key is None else f"trajectories.{key}"
                raise BadModelFile(f"the script {path}: {where} must be a list of texts or objects")
        return cls(_by_step(lists), name=str(whole.get("name", path.stem)), delay_s=delay_s)

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """What the script says to this request. Raises the ModelError that it names."""
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        said = self._script(request)
        if isinstance(said, Mapping) and "error" in said:
            raise _error(str(said["error"]), str(said.get("why", "the script says so")))
        try:
            choices = _choices(said)
        except (AttributeError, KeyError, TypeError) as error:
            where = f"trajectory {request.trajectory or '-'}, step {request.step}"
            raise BadModelFile(f"the script's answer for {where} is no answer: {error!r}") from error
        written = sum(len(each.text) + sum(len(call.arguments) for call in each.tool_calls) for each in choices)
        usage = Usage(prompt=size_of(request) // 4, completion=written // 4 + 1, cached=0)
        return ModelAnswer(choices, usage, self.name, self.endpoint, seconds=self._delay_s)


def _by_step(lists: Mapping[str | None, Sequence[Said]]) -> Script:
    def script(request: ModelRequest) -> Said:
        answers = lists.get(request.trajectory, lists.get(None, ()))
        if request.step >= len(answers):
            raise BadModelFile(
                f"the script has {len(answers)} answers, and trajectory {request.trajectory or '-'} asks for number "
                f"{request.step + 1}; add one"
            )
        return answers[request.step]

    return script


def _choices(said: Said) -> tuple[Choice, ...]:
    if isinstance(said, str):
        return (Choice(said),)
    if "choices" in said:
        return tuple(choice for each in said["choices"] for choice in _choices(each))
    calls = tuple(
        ToolCall(call.get("id", f"call-{number}"), call["name"], _text(call.get("arguments", {})))
        for number, call in enumerate(said.get("tool_calls", ()))
    )
    finish = said.get("finish", "tool_calls" if calls else "stop")
    return (Choice(said.get("text", ""), calls, finish, said.get("reasoning", "")),)


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _error(name: str, why: str) -> ModelError:
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, ModelError)) or kind is errors.ReplayDiverged:
        raise BadModelFile(f"the script names an error {name!r}, which is no ModelError")
    return kind(why)
