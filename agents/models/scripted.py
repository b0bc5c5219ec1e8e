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
import functools
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
        except (RecursionError, ValueError) as error:
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
            where = "answers" if key is None else f"trajectories.{key}"
            if not isinstance(answers, list) or not all(isinstance(each, (str, dict)) for each in answers):
                raise BadModelFile(f"the script {path}: {where} must be a list of texts or objects")
            if fault := _first_fault(answers, where):
                raise BadModelFile(f"the script {path}: {fault}")
        return cls(_by_step(lists), name=str(whole.get("name", path.stem)), delay_s=delay_s)

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """What the script says to this request. Raises the ModelError that it names."""
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        said = self._script(request)
        if fault := _fault(said, f"answer for trajectory {request.trajectory or '-'}, step {request.step}"):
            raise BadModelFile(f"the script's {fault}")
        if isinstance(said, Mapping) and "error" in said:
            raise _errors()[said["error"]](str(said.get("why", "the script says so")))
        choices = _choices(said)
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


def _first_fault(answers: Sequence[Any], where: str) -> str | None:
    return next(filter(None, (_fault(each, f"{where}[{index}]") for index, each in enumerate(answers))), None)


def _fault(said: Any, where: str) -> str | None:
    """What is wrong with an answer: its place, and what to write there; None when nothing is."""
    if isinstance(said, str):
        return None
    if not isinstance(said, Mapping):
        return f'{where} must be a text or an object: write "…" or {{"text": "…"}}'
    if "error" in said:
        known = isinstance(said["error"], str) and said["error"] in _errors()
        return None if known else f"{where}.error must name a ModelError: write one of {', '.join(_errors())}"
    if "choices" in said:
        choices = said["choices"]
        if not isinstance(choices, (list, tuple)) or not choices:
            return f'{where}.choices must be a list of one answer at least: write ["…"]'
        return _first_fault(choices, f"{where}.choices")
    for name in ("text", "finish", "reasoning"):
        if not isinstance(said.get(name, ""), str):
            return f'{where}.{name} must be a text: write "…"'
    calls = said.get("tool_calls", ())
    if not isinstance(calls, (list, tuple)) or not all(map(_is_call, calls)):
        return (
            f'{where}.tool_calls must be a list of calls: write [{{"name": "read", "arguments": {{"path": "a.py"}}}}]'
        )
    return None


def _is_call(said: Any) -> bool:
    return isinstance(said, Mapping) and isinstance(said.get("name"), str) and isinstance(said.get("id", ""), str)


@functools.cache
def _errors() -> Mapping[str, type[ModelError]]:
    """What a script may raise, by name."""
    found = ((name, each) for name, each in vars(errors).items() if isinstance(each, type))
    return {name: each for name, each in found if issubclass(each, ModelError) and name != "ReplayDiverged"}
