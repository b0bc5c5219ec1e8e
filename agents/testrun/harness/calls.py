"""Units that are no tests: documented examples, and calls of one function with generated inputs.

examples: `{"file": "a.py", "before": ["x = 1"], "source": "f(x)", "expected": "[1, 2]"}`, evaluated in the module's own
names. A `Recorder` keeps the arguments of the outermost calls of one function while tests run; mutate makes more like
them; calls runs the function with each and tells a digest of what came out and of what became of the arguments, so that
two versions of it can be compared. A call of which that cannot be told is "skipped". show tells the same to a person.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import inspect
import itertools
import math
import os
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .describe import ADDRESS, NAMED, Unknown, describe
from .fork import Report
from .mutate import mutations
from .serve import TEXT_LIMIT

INPUT_BYTES = 4 << 10  # of one pickled input
RECORDED = 40
ITEMS = 1000  # of an iterator
SHOWN = 400  # characters of a call, or of its result, that a person reads
SHOWN_DEPTH = 4  # of values in each other; deeper ones are described


def run(report: Report, units: list[dict[str, Any]], request: dict[str, Any], root: str) -> None:
    report.ready()
    for unit, payload in zip(list(units), request["payloads"][-len(units) :]):

        def execute(payload: Any = payload) -> dict[str, Any]:
            if request["op"] == "examples":
                return _example(payload, root)
            if request["op"] == "mutate":
                return {"status": "passed", "inputs": _generated(payload, request["count"])}
            if request["op"] == "show":
                return _show(request["function"], payload, root)
            return _call(request["function"], payload, root)

        if not report.run(unit, execute):
            break


def _module(file: str, root: str) -> Any:
    path = os.path.join(root, file)
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == path:
            return module
    raise LookupError(f"no test imports {file}")


def _example(example: dict[str, Any], root: str) -> dict[str, Any]:
    try:
        names = dict(vars(_module(example["file"], root)))
        for statement in example["before"]:
            exec(statement, names)  # noqa: S102  (inside the sandbox, as the tests)
        value = eval(example["source"], names)  # noqa: S307
    except Exception as error:  # noqa: BLE001  (the repository's code: anything may come)
        return {"status": "failed", "text": f"{type(error).__name__}: {str(error)[:TEXT_LIMIT]}"}
    if agrees(value, example["expected"]):
        return {"status": "passed"}
    return {"status": "failed", "text": f"{example['source'][:200]} gives {repr(value)[:TEXT_LIMIT]}"}


def agrees(value: Any, expected: str) -> bool:
    """Whether a value is what an example shows: by its text, or by the value that the text stands for."""
    if " ".join(repr(value).split()) == " ".join(expected.split()):
        return True
    try:
        wanted = ast.literal_eval(expected)
    except (ValueError, SyntaxError):
        return False
    if isinstance(value, float) and isinstance(wanted, (int, float)):
        return math.isclose(value, wanted, rel_tol=1e-9)
    return type(value) is type(wanted) and bool(value == wanted)


class Recorder:
    """Keeps the pickled arguments of the outermost calls of one function."""

    def __init__(self, function: dict[str, Any], root: str) -> None:
        self._file = os.path.join(root, function["file"])
        self._name = function["name"].rsplit(".", 1)[-1]
        self._line = function["line"]
        self._inputs: dict[bytes, None] = {}
        self._told = 0

    def around(self, execute: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        def recorded() -> dict[str, Any]:
            sys.settrace(self._enter)
            try:
                record = execute()
            finally:
                sys.settrace(None)
            new = list(self._inputs)[self._told :]
            self._told = len(self._inputs)
            return dict(record, inputs=[base64.b64encode(each).decode() for each in new])

        return recorded

    def _enter(self, frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        if code.co_name != self._name or code.co_firstlineno != self._line or len(self._inputs) >= RECORDED:
            return
        if code.co_filename != self._file or _is_inner(frame):
            return
        names, var, keywords, values = inspect.getargvalues(frame)
        try:
            arguments = [values[name] for name in names[: code.co_argcount]] + list(values[var] if var else ())
            named = {name: values[name] for name in names[code.co_argcount :]}
            data = pickle.dumps((arguments, {**named, **(values[keywords] if keywords else {})}))
        except Exception:  # noqa: BLE001  (an argument that cannot be pickled is not an input that can be kept)
            return
        if len(data) <= INPUT_BYTES:
            self._inputs[data] = None


def _is_inner(frame: Any) -> bool:
    code, outer = frame.f_code, frame.f_back
    while outer is not None:
        if outer.f_code is code:
            return True
        outer = outer.f_back
    return False


def _generated(recorded: list[str], count: int) -> list[str]:
    """The recorded inputs and mutants of them, `count` in all; the same ones each time."""
    choice = random.Random(0)  # noqa: S311
    inputs = dict.fromkeys(recorded)
    for _ in range(count * 3):
        if len(inputs) >= count or not recorded:
            break
        arguments, keywords = pickle.loads(base64.b64decode(choice.choice(recorded)))  # noqa: S301  (pickled here)
        if not arguments:
            break
        place = choice.randrange(len(arguments))
        mutants = mutations(arguments[place])
        if mutants:
            arguments[place] = choice.choice(mutants)
            inputs[base64.b64encode(pickle.dumps((arguments, keywords))).decode()] = None
    return list(inputs)[:count]


def _call(function: dict[str, Any], payload: str, root: str) -> dict[str, Any]:
    target = _function(function, root)
    arguments, keywords = pickle.loads(base64.b64decode(payload))  # noqa: S301  (pickled in this sandbox)
    try:
        seen: Any = _result(target(*arguments, **keywords))
        raised = ""
    except Exception as error:  # noqa: BLE001  (the repository's code: anything may come)
        seen, raised = None, type(error).__name__
    try:
        state = describe(seen, arguments, keywords)
    except Unknown as why:
        return {"status": "skipped", "text": str(why)[:TEXT_LIMIT]}
    except Exception as error:  # noqa: BLE001  (again)
        return {"status": "skipped", "text": f"its state cannot be told: {type(error).__name__}"}
    digest = hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()[:16]
    return {"status": "xfailed" if raised else "passed", "text": f"raises {raised} {digest}" if raised else digest}


def _show(function: dict[str, Any], payload: str, root: str) -> dict[str, Any]:
    """A call and what came of it, as a person reads them; "skipped" where that would be too long."""
    target = _function(function, root)
    arguments, keywords = pickle.loads(base64.b64decode(payload))  # noqa: S301  (pickled in this sandbox)
    given = [*map(shown, arguments), *(f"{name}={shown(value)}" for name, value in keywords.items())]
    call = f"{function['name']}({', '.join(given)})"
    try:
        result = shown(_result(target(*arguments, **keywords)))
    except Exception as error:  # noqa: BLE001  (the repository's code: anything may come)
        result = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        result = f"it raises {result}"
    left = [*map(shown, arguments), *(f"{name}={shown(value)}" for name, value in keywords.items())]
    if left != given:
        result += f" (and the arguments become {', '.join(left)})"
    if len(call) > SHOWN or len(result) > SHOWN:
        return {"status": "skipped", "text": "it is too long to be shown"}
    return {"status": "passed", "call": call, "text": result}


def shown(value: Any, depth: int = 0) -> str:
    """Its repr; where that hides the state behind an address, the type with its attributes, as a call that would make it
    might look; else its description."""
    text = repr(value)
    if not ADDRESS.search(text):
        return text
    kind, attributes = type(value), getattr(value, "__dict__", None)
    if depth < SHOWN_DEPTH and kind in (list, tuple):
        inner = ", ".join(shown(each, depth + 1) for each in value)
        return f"[{inner}]" if kind is list else f"({inner}{',' if len(value) == 1 else ''})"
    if depth < SHOWN_DEPTH and kind is dict:
        pairs = (f"{shown(key, depth + 1)}: {shown(each, depth + 1)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if (
        depth < SHOWN_DEPTH
        and type(attributes) is dict
        and not isinstance(value, NAMED)
        and kind.__module__ != "builtins"
    ):
        given = ", ".join(f"{name}={shown(each, depth + 1)}" for name, each in attributes.items())
        return f"{kind.__name__}({given})"
    return describe(value)


def _function(function: dict[str, Any], root: str) -> Any:
    """The function as its frame was recorded: with the instance or the class as its first argument."""
    owner = _module(function["file"], root)
    *outer, name = function["name"].split(".")
    for part in outer:
        owner = getattr(owner, part)
    found = inspect.getattr_static(owner, name)
    if isinstance(found, (classmethod, staticmethod)):
        return found.__func__
    return found.fget if isinstance(found, property) else found


def _result(value: Any) -> Any:
    """A coroutine's result; of an iterator its first items."""
    if inspect.iscoroutine(value) or inspect.isasyncgen(value):
        import asyncio  # only where the repository uses it

        return asyncio.run(_first_items(value) if inspect.isasyncgen(value) else value)
    return list(itertools.islice(value, ITEMS)) if isinstance(value, Iterator) else value


async def _first_items(source: Any) -> list[Any]:
    found = []
    async for item in source:
        found.append(item)
        if len(found) == ITEMS:
            break
    return found
