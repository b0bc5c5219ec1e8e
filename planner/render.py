"""An Explanation as a person reads it: text, Mermaid, dot, and a Gantt chart of what was executed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from planner.explain import ExplainedCall, Explanation

_GANTT_WIDTH = 60  # characters


def as_text(explained: Explanation) -> str:
    """The plan's Calls with what each waits for, its costs, and what was merged and left out."""
    lines = []
    for call in explained.calls:
        mark = "*" if call.critical else " "
        lines.append(f"{mark} {call.text}")
        needs = [f"{why} {name}" for name, why in call.needs.items()]
        costs = f"{_seconds(call.cost_s)} from {_seconds(call.earliest_s)}, rank {_seconds(call.rank_s)}"
        if call.actual is not None:
            costs += f"; actual: {call.actual.status}"
            if call.actual.ended_s:
                waited = _seconds(call.actual.started_s - call.actual.ready_s)
                took = _seconds(call.actual.ended_s - call.actual.started_s)
                costs += f", {took} from {_seconds(call.actual.started_s)}, waited {waited} for a slot"
        if call.tool != "join":
            lines.append(f"      {costs}")
        if needs:
            lines.append(f"      waits: {', '.join(needs)}")
    if explained.end:
        lines.append(f"  {explained.end}")
    lines += [f"  merged: {name} is {same}" for name, same in explained.merged.items()]
    if explained.pruned:
        lines.append(f"  left out, since nobody reads them: {', '.join(explained.pruned)}")
    path = " -> ".join(explained.critical_path)
    lines.append(
        f"estimated: {_seconds(explained.critical_path_s)} for {_seconds(explained.work_s)} of work, at most "
        f"{explained.parallelism} at once; critical path (*): {path}"
    )
    if explained.actual_s is not None:
        lines.append(
            f"actual: {_seconds(explained.actual_s)}, critical path {_seconds(explained.actual_critical_path_s or 0.0)}, "
            f"at most {explained.actual_parallelism} at once"
        )
    return "\n".join(lines) + "\n"


def as_json(explained: Explanation) -> str:
    return explained.model_dump_json(indent=2, exclude_none=True) + "\n"


def as_mermaid(explained: Explanation) -> str:
    """A flowchart; dotted edges only order, and say why."""
    ids = _ids(explained)
    lines = ["flowchart TD"]
    for call in explained.calls:
        label = call.text.replace('"', "#quot;").replace("`", "#96;").replace("\n", " ")
        lines.append(f'  {ids[call.name]}["{label}"]')
        for name, why in call.needs.items():
            arrow = "-->" if why == "uses" else f'-. "{why}" .->'
            lines.append(f"  {ids[name]} {arrow} {ids[call.name]}")
    critical = [ids[name] for name in explained.critical_path]
    lines += [f"  style {','.join(critical)} stroke-width:3px"] if critical else []
    return "\n".join(lines) + "\n"


def as_dot(explained: Explanation) -> str:
    """For Graphviz."""
    ids = _ids(explained)
    lines = ["digraph plan {", "  node [shape=box];"]
    for call in explained.calls:
        label = call.text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        lines.append(f'  {ids[call.name]} [label="{label}"{", penwidth=3" if call.critical else ""}];')
        for name, why in call.needs.items():
            style = "" if why == "uses" else f' [style=dashed, label="{why}"]'
            lines.append(f"  {ids[name]} -> {ids[call.name]}{style};")
    return "\n".join([*lines, "}"]) + "\n"


def as_gantt(explained: Explanation) -> str:
    """One line for each Call: dots while it waited for a slot, bars while it ran. An unexecuted plan shows its estimates; in an
    executed one, the line of a Call that never ran is empty."""
    executed = explained.actual_s is not None
    spans = {call.name: _span(call, executed) for call in explained.calls if call.tool != "join"}
    end = max((ended for _, _, ended in spans.values()), default=0.0) or 1.0
    wide = max((len(name) for name in spans), default=0)
    lines = []
    for call in explained.calls:
        if call.tool == "join":
            continue
        ready, started, ended = (round(each / end * _GANTT_WIDTH) for each in spans[call.name])
        bar = " " * ready + "." * (started - ready)
        if spans[call.name][2] or not executed:
            bar += "#" * max(1, ended - started)
        status = f" {call.actual.status}" if call.actual is not None else ""
        took = spans[call.name][2] - spans[call.name][1]
        lines.append(f"{call.name:<{wide}} |{bar:<{_GANTT_WIDTH + 1}}| {_seconds(took)}{status}")
    return "\n".join([*lines, f"{'':<{wide}}  0{_seconds(end):>{_GANTT_WIDTH}}"]) + "\n"


FORMATS: Mapping[str, Callable[[Explanation], str]] = {
    "text": as_text,
    "json": as_json,
    "mermaid": as_mermaid,
    "dot": as_dot,
    "gantt": as_gantt,
}


def _span(call: ExplainedCall, executed: bool) -> tuple[float, float, float]:
    """When it was ready, started and ended, or would at the soonest; zeros for what was not executed with its plan."""
    if executed and call.actual is None:
        return 0.0, 0.0, 0.0
    if call.actual is not None:
        return call.actual.ready_s, call.actual.started_s, call.actual.ended_s
    return call.earliest_s, call.earliest_s, call.earliest_s + call.cost_s


def _ids(explained: Explanation) -> dict[str, str]:
    """Ids that no keyword of a drawing language is."""
    return {
        call.name: "c_" + re.sub(r"\W", "_", call.name, flags=re.ASCII) + f"_{n}"
        for n, call in enumerate(explained.calls)
    }


def _seconds(value: float) -> str:
    if value and abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s"
