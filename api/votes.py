"""Candidates by probes: who passed what. Only probes that tell programs apart are shown, the rest is counted."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from selection import Verdict
from selection.verdict import ProbeReport

MOST = 12  # rows, and columns
_MARKS = {"passed": "pass", "failed": "FAIL", "error": "ERROR", "timeout": "TIME", "unknown": "?"}


def passed_by(verdict: Verdict, equivalence_class: str | None) -> set[str]:
    """The probes that a class passes."""
    return {
        ballot.probe
        for ballot in verdict.ballots
        if ballot.equivalence_class == equivalence_class and ballot.outcome == "passed"
    }


def votes(verdict: Verdict) -> RenderableType | None:
    """One row a probe that tells programs apart, one column a program, the best first; None where there is none."""
    said: dict[str, dict[str, str]] = {}
    for ballot in verdict.ballots:
        said.setdefault(ballot.probe, {})[ballot.equivalence_class] = ballot.outcome
    telling = [
        probe for probe in verdict.probes if len({each == "passed" for each in said.get(probe.id, {}).values()}) > 1
    ]
    if not telling:
        return None
    classes = _classes(verdict)
    table = Table(box=None, pad_edge=False)
    table.add_column("probe", overflow="fold")
    for column in ("kind", "weight"):
        table.add_column(column, no_wrap=True)
    for place, _ in enumerate(classes, 1):
        table.add_column(str(place), no_wrap=True)
    for probe in sorted(telling, key=lambda probe: (not probe.required, -_swing(probe), probe.id))[:MOST]:
        marks = (_MARKS[outcome] if (outcome := said[probe.id].get(each)) else "-" for each in classes)
        table.add_row(escape(probe.id), _kind(probe), _weight(probe), *marks)
    return Group(table, Text(_rest(len(telling), len(verdict.probes), verdict)))


def _classes(verdict: Verdict) -> Sequence[str]:
    ranked = {each.rank: each.equivalence_class for each in verdict.candidates if each.rank and each.equivalence_class}
    return [ranked[rank] for rank in sorted(ranked)][:MOST]


def _swing(probe: ProbeReport) -> float:
    return (probe.passed or 0.0) - (probe.failed or 0.0)


def _kind(probe: ProbeReport) -> str:
    by = f" by {probe.author}" if probe.author else ""
    return f"{probe.kind}{by}{', flaky' if probe.flakiness else ''}"


def _weight(probe: ProbeReport) -> str:
    return "must" if probe.required else f"{_swing(probe):.1f}"


def _rest(telling: int, probes: int, verdict: Verdict) -> str:
    said = [f"{_probes(telling - MOST)} more tell programs apart"] if telling > MOST else []
    alike = probes - telling
    said += [f"{_probes(alike)} {'says' if alike == 1 else 'say'} the same of all"] if alike else []
    run = verdict.executions
    said += [f"{run.run} of {run.full} executions were needed"] if run and run.saved else []
    return "; ".join(said)


def _probes(number: int) -> str:
    return "1 probe" if number == 1 else f"{number} probes"
