"""The plans that a Run executed, rebuilt from its Journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memory import Event
from planner import Explanation, Timing, with_timings

PLANNED = "plan.compiled"  # a plan is about to be executed: its label, and its Explanation


def explained_plans(events: Iterable[Event]) -> Iterator[tuple[str, Explanation]]:
    """Each plan's label and what it was to do and did, in the order in which they began. A plan that was executed again
    after a crash comes again."""
    plans: list[tuple[str, Explanation, dict[str, Timing]]] = []
    newest: dict[str, dict[str, Timing]] = {}
    for event in events:
        label = event.data.get("plan", "")
        if event.kind == PLANNED:
            newest[label] = {}
            plans.append((label, Explanation.model_validate(event.data["explanation"]), newest[label]))
        elif event.kind == "call.ended" and label in newest:
            known = {name: value for name, value in event.data.items() if name in Timing.model_fields}
            newest[label][event.data["name"]] = Timing.model_validate(known)
    for label, explanation, timings in plans:
        yield label, with_timings(explanation, timings) if timings else explanation
