"""Units that are no tests: documented examples, and calls of one function with generated inputs.

examples: `{"file": "a.py", "before": ["x = 1"], "source": "f(x)", "expected": "[1, 2]"}`, evaluated in the module's own
names. A `Recorder` keeps the arguments of the outermost calls of one function while tests run; mutate makes more like
them; calls runs the function with each and tells a digest of what came out, so that two versions of it can be compared.
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
import re
import sys
from collections.abc import Callable
from typing import Any

from .fork import Report
from .mutate import mutations
from .serve import TEXT_LIMIT

INPUT_BYTES = 4 << 10  # of one pickled input
RECORDED = 40
ITEMS = 1000  # of a generator
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def run(report: Report, units: list[dict[str, Any]], request: dict[str, Any], root: str) -> None:
    report.ready()
    for unit, payload in zip(list(units), request["payloads"][-len(units) :]):

        def execute(payload: Any = payload) -> dict[str, Any]:
            if request["op"] == "examples":
                return _example(payload, root)
            if request["op"] == "mutate":
                return {"status": "passed", "inputs": _generated(payload, request["count"])}
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
            arguments = [values[name] for name in names] + list(values[var] if var else ())
            data = pickle.dumps((arguments, values[keywords] if keywords else {}))
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
    target = _module(function["file"], root)
    for part in function["name"].split("."):
        target = getattr(target, part)
    arguments, keywords = pickle.loads(base64.b64decode(payload))  # noqa: S301  (pickled in this sandbox)
    try:
        value = target(*arguments, **keywords)
        if inspect.isgenerator(value):
            value = list(itertools.islice(value, ITEMS))
        seen = f"{value!r} {arguments!r}"
    except Exception as error:  # noqa: BLE001  (the repository's code: anything may come)
        seen = "raises " + type(error).__name__
    digest = hashlib.sha256(ADDRESS.sub("", seen).encode("utf-8", "replace")).hexdigest()[:16]
    return {"status": "passed", "text": digest}
