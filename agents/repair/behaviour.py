"""Do candidates behave alike? The functions that they change are called with recorded and generated inputs.

Inputs come from the tests (the arguments of the outermost calls, kept while they run) and from small mutations of those.
Equal results on all of them say nothing of which candidate is right, but a lot of whether it matters: when all that pass
the tests behave alike, the first is nearly always right.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agents.testrun import BaseRun, Function, Limit, TestSession
from selection import Candidate, Change, is_test

INPUTS = 60  # calls of one function
FEWEST = 5  # inputs, below which equal results say nothing
FUNCTIONS = 4
RECORDING_TESTS = 60
CALL = Limit(0.3, 5.0)


@dataclass(frozen=True, slots=True)
class Split:
    """An input on which candidates differ. results: a digest of what each gives for it, by the candidate's id."""

    function: Function
    input: str
    results: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Observed:
    """digests: of all of a candidate's results, by its id. It has none where something that it changes was not observed:
    then nobody can say that it behaves like another. splits: the inputs on which two or more give unequal results."""

    digests: Mapping[str, str]
    splits: tuple[Split, ...] = ()


async def behaviours(
    session: TestSession, base: BaseRun, coverage: Mapping[str, Mapping[str, object]], candidates: Sequence[Candidate]
) -> Observed:
    """Call the functions that candidates change, with each candidate."""
    if len(candidates) < 2:
        return Observed({})
    seen = {each.id: hashlib.sha256() for each in candidates}
    observed: set[tuple[str, str]] = set()
    splits: list[Split] = []
    unknown = {each.id for each in candidates if not _only_functions(each)}
    for function, changer in list(_changed(candidates).items())[:FUNCTIONS]:
        inputs = await _inputs(session, base, coverage, function, changer)
        if not inputs:
            continue
        gave: dict[str, dict[str, str]] = {}  # input -> candidate -> result
        for candidate in candidates:
            report = await session.calls(function, inputs, CALL, edits_of(candidate))
            if report.refused is not None or any(each.status == "skipped" for each in report.outcomes):
                unknown.add(candidate.id)
            passed = any(each.status == "passed" for each in report.outcomes)  # else it may be called in a wrong way
            if passed and len(inputs) >= FEWEST:
                observed.add((function.file, function.name))
            results = ["over time" if each.timed_out else each.text for each in report.outcomes]
            seen[candidate.id].update("\n".join(results).encode())
            for outcome, result in zip(report.outcomes, results, strict=True):
                if outcome.status != "skipped":
                    gave.setdefault(inputs[int(outcome.unit)], {})[candidate.id] = result
        unsteady = await _unsteady(session, function, candidates, _differing(gave))
        unknown |= unsteady
        steady = {
            given: {name: result for name, result in found.items() if name not in unsteady}
            for given, found in gave.items()
        }
        splits += [Split(function, given, found) for given, found in _differing(steady).items()]
    unknown |= {each.id for each in candidates if not observed.issuperset(_names(each))}
    digests = {name: digest.hexdigest()[:12] for name, digest in seen.items() if name not in unknown}
    return Observed(digests, tuple(splits))


def _differing(gave: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """The inputs for which candidates give unequal results."""
    return {given: found for given, found in gave.items() if len(set(found.values())) > 1}


async def _unsteady(
    session: TestSession, function: Function, candidates: Sequence[Candidate], gave: Mapping[str, Mapping[str, str]]
) -> set[str]:
    """Candidates that differ from themselves on some of these inputs: nobody can say what they do."""
    found: set[str] = set()
    for candidate in candidates if gave else ():
        report = await session.calls(function, list(gave), CALL, edits_of(candidate))
        for given, outcome in zip(gave, report.outcomes, strict=False):
            result = "over time" if outcome.timed_out else outcome.text
            if outcome.status != "skipped" and gave[given].get(candidate.id, result) != result:
                found.add(candidate.id)
    return found


def _names(candidate: Candidate) -> set[tuple[str, str]]:
    """The functions that a candidate changes: (file, dotted name)."""
    return {(function.file, function.name) for function in _changed([candidate])}


def _only_functions(candidate: Candidate) -> bool:
    """Whether it changes functions that were there before, and nothing beside them but tests."""
    names = _names(candidate)
    return all(
        change.before is not None
        and change.after is not None
        and change.new_mode is None
        and change.path.endswith(".py")
        and (rest := _without(names, change.path, change.before)) is not None
        and rest == _without(names, change.path, change.after)
        for change in _product(candidate)
    )


def _product(candidate: Candidate) -> list[Change]:
    """What is not a test."""
    return [change for change in candidate.changes if not is_test(change.path)]


def _without(names: Collection[tuple[str, str]], path: str, source: bytes) -> str | None:
    """A module's syntax without some of its functions; None when it cannot be read."""

    def prune(body: list[ast.stmt], prefix: str) -> list[ast.stmt]:
        kept = []
        for node in body:
            if isinstance(node, ast.ClassDef):
                node.body = prune(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (path, prefix + node.name) in names:
                continue
            kept.append(node)
        return kept

    try:
        tree = ast.parse(source)
        tree.body = prune(tree.body, "")
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _changed(candidates: Sequence[Candidate]) -> dict[Function, Candidate]:
    """The functions that candidates change, each with the first candidate that does."""
    found: dict[tuple[str, str], tuple[Function, Candidate]] = {}
    for candidate in candidates:
        for change in _product(candidate):
            if not change.path.endswith(".py"):
                continue
            before, after = _functions(change.before or b""), _functions(change.after or b"")
            for name, (line, text) in after.items():
                if name in before and before[name][1] != text:
                    found.setdefault((change.path, name), (Function(change.path, name, line), candidate))
    return dict(found.values())


def _functions(source: bytes) -> dict[str, tuple[int, str]]:
    """Functions and methods of a module: dotted name -> (first line of its code, its syntax)."""
    found: dict[str, tuple[int, str]] = {}

    def visit(nodes: Sequence[ast.stmt], prefix: str) -> None:
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                found[prefix + node.name] = (first, ast.dump(node))

    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # then it has none that is known
        visit(ast.parse(source).body, "")
    return found


async def _inputs(
    session: TestSession,
    base: BaseRun,
    coverage: Mapping[str, Mapping[str, object]],
    function: Function,
    changer: Candidate,
) -> tuple[str, ...]:
    """Recorded while the tests run with a candidate, since base may loop for ever; those that end, and mutants of them."""
    calling = [test for test, files in coverage.items() if function.file in files][:RECORDING_TESTS]
    if not calling:
        return ()
    limits = {test: base.limit(test) for test in calling}
    report = await session.run(limits, edits=edits_of(changer), record=function)
    recorded = list(dict.fromkeys(each for outcome in report.outcomes for each in outcome.inputs))
    if not recorded:
        return ()
    inputs = await session.mutate(recorded, INPUTS)
    ended = await session.calls(function, inputs, CALL, edits_of(changer))
    return tuple(each for each, outcome in zip(inputs, ended.outcomes, strict=False) if not outcome.timed_out)


def edits_of(candidate: Candidate) -> dict[str, bytes]:
    """The files that a candidate leaves, with their new bytes."""
    return {change.path: change.after for change in candidate.changes if change.after is not None}
