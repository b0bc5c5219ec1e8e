"""EXPLAIN of a plan: what the passes made of it, what it will cost, and after its execution what it did (EXPLAIN ANALYZE).

`explain` makes plain data, which the Journal can hold; `planner.render` makes text, Mermaid, dot and a Gantt chart of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from planner.plan import Call, Plan, shown

_LONGEST_VALUE = 60  # characters of an argument


class Timing(BaseModel):
    """What a Call did. Seconds since the plan's start; ready: its last dependency had ended."""

    model_config = ConfigDict(frozen=True)

    status: str
    ready_s: float = 0.0
    started_s: float = 0.0
    ended_s: float = 0.0


class ExplainedCall(BaseModel):
    """One Call. needs: name -> why it is waited for. earliest_s: when it can start at the soonest. critical: it lies on the
    most expensive chain."""

    model_config = ConfigDict(frozen=True)

    name: str
    tool: str
    text: str
    line: int
    resource: str
    cost_s: float
    rank_s: float
    earliest_s: float
    critical: bool
    needs: dict[str, str]
    actual: Timing | None = None


class Explanation(BaseModel):
    """A plan, explained. Seconds; estimates unless `actual`. work_s: of all Calls together. parallelism: most Calls at once, if
    nothing but the order holds them back."""

    model_config = ConfigDict(frozen=True)

    calls: list[ExplainedCall]
    end: str = ""
    merged: dict[str, str] = {}
    pruned: list[str] = []
    work_s: float
    critical_path_s: float
    critical_path: list[str]
    parallelism: int
    actual_s: float | None = None
    actual_parallelism: int | None = None
    actual_critical_path_s: float | None = None


def explain(plan: Plan, actual: Mapping[str, Timing] | None = None) -> Explanation:
    """Explain a plan. actual: for each Call (joins left out) what it did, if it was executed."""
    path = critical_path(plan)
    needs = {call.name: tuple(call.needs) for call in plan.calls}
    earliest = _earliest(needs, {call.name: call.cost_s for call in plan.calls})
    explained = Explanation(
        calls=[
            ExplainedCall(
                name=call.name,
                tool=call.tool.name if call.tool else "join",
                text=_text(call),
                line=call.line,
                resource=call.tool.resource if call.tool else "",
                cost_s=call.cost_s,
                rank_s=plan.ranks[call.name],
                earliest_s=earliest[call.name],
                critical=call.name in path,
                needs=dict(call.needs),
            )
            for call in plan.calls
        ],
        end=f"{plan.end.kind}({_arguments(plan.end.arguments)})" if plan.end else "",
        merged=dict(plan.merged),
        pruned=list(plan.pruned),
        work_s=sum(call.cost_s for call in plan.calls),
        critical_path_s=max((earliest[call.name] + call.cost_s for call in plan.calls), default=0.0),
        critical_path=list(path),
        parallelism=_most_at_once(_spans(plan)),
    )
    return with_timings(explained, actual) if actual else explained


def with_timings(explained: Explanation, actual: Mapping[str, Timing]) -> Explanation:
    """EXPLAIN ANALYZE: the same with what its execution did."""
    told = {
        call.name: actual[call.name] for call in explained.calls if call.name in actual
    }  # no merged ones, which did not run
    ran = {name: each for name, each in told.items() if each.ended_s > each.started_s}
    took = {name: each.ended_s - each.started_s for name, each in ran.items()}
    starts = _earliest({call.name: tuple(call.needs) for call in explained.calls}, took)
    return explained.model_copy(
        update={
            "calls": [call.model_copy(update={"actual": actual.get(call.name)}) for call in explained.calls],
            "actual_s": max((each.ended_s for each in actual.values()), default=0.0),
            "actual_parallelism": _most_at_once([((each.started_s, 0), (each.ended_s, 0)) for each in ran.values()]),
            "actual_critical_path_s": max((starts[name] + seconds for name, seconds in took.items()), default=0.0),
        }
    )


def critical_path(plan: Plan) -> dict[str, None]:
    """The names of the Calls on the most expensive chain, in order, joins left out."""
    waiting: dict[str, list[Call]] = {}
    for call in plan.calls:
        for name in call.needs:
            waiting.setdefault(name, []).append(call)
    path: dict[str, None] = {}
    ready = [call for call in plan.calls if not call.needs]
    while ready:
        call = max(ready, key=lambda each: plan.ranks[each.name])
        if call.tool is not None:
            path[call.name] = None
        ready = waiting.get(call.name, [])
    return path


def _earliest(needs: Mapping[str, Sequence[str]], costs: Mapping[str, float]) -> dict[str, float]:
    """When each Call can start at the soonest, without limits. needs: in an order in which each comes after what it needs."""
    earliest: dict[str, float] = {}
    for name, before in needs.items():
        earliest[name] = max((earliest[each] + costs.get(each, 0.0) for each in before), default=0.0)
    return earliest


_Moment = tuple[
    float, int
]  # seconds, and how many Calls of no cost, each after the one before, have ended in that instant


def _spans(plan: Plan) -> list[tuple[_Moment, _Moment]]:
    """From when to when each Call runs, if nothing but the order holds it back. Joins take no time at all."""
    ends: dict[str, _Moment] = {}
    spans = []
    for call in plan.calls:
        start = max((ends[name] for name in call.needs), default=(0.0, 0))
        ends[call.name] = (start[0] + call.cost_s, 0) if call.cost_s else (start[0], start[1] + (call.tool is not None))
        if call.tool is not None:
            spans.append((start, ends[call.name]))
    return spans


def _most_at_once(spans: Iterable[tuple[_Moment, _Moment]]) -> int:
    """What ends at the moment in which another one starts has ended before."""
    changes = sorted([change for start, end in spans for change in ((start, 1), (end, -1))])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def _text(call: Call) -> str:
    if call.tool is None:
        return f"{call.name} (of {len(call.needs)})"
    return f"{call.name} = {call.tool.name}({_arguments(call.arguments)})"


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_cut(shown(value))}" for name, value in arguments.items())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
