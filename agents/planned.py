"""The plans that a Run executed, rebuilt from its Journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memory import Event
from planner import Explanation, Timing, with_timings

PLANNED = "plan.compiled"  # a plan will be executed, or is since it began to be written: its label and Explanation


def explained_plans(events: Iterable[Event]) -> Iterator[tuple[str, Explanation]]:
    """Each plan's label and what it was to do and did, in the order in which they were told. A plan that was executed again
    after a crash comes again."""
    plans: list[tuple[str, Explanation, dict[str, Timing]]] = []
    told: dict[str, dict[str, Timing]] = {}
    early: dict[str, dict[str, Timing]] = {}  # of plans that are still being written
    for event in events:
        label = event.data.get("plan", "")
        if event.kind == PLANNED:
            told[label] = early.pop(label, {})
            plans.append((label, Explanation.model_validate(event.data["explanation"]), told[label]))
        elif event.kind == "call.started" and event.data["name"] in told.get(label, {}):
            del told[label]  # it is written again
        elif event.kind == "call.ended":
            timings = told[label] if label in told else early.setdefault(label, {})
            known = {name: value for name, value in event.data.items() if name in Timing.model_fields}
            timings[event.data["name"]] = Timing.model_validate(known)
    for label, explanation, timings in plans:
        yield label, with_timings(explanation, timings) if timings else explanation
