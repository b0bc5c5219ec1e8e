"""A Verdict as a page that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agents.findings import Finding
from api.plain import plain
from api.votes import passed_by, votes
from memory import Amounts, Bill, RunRecord
from selection import Verdict

_PLAIN_WIDTH = 160  # columns, where the output goes to a file or another program
_MANY = 8  # rows of a table before the rest is only counted


def console(*, stderr: bool = False) -> Console:
    """Where a person reads. Only a terminal has a width that lines must be broken for."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=_PLAIN_WIDTH)


def show_verdict(verdict: Verdict, patch: bytes, *, run_id: str) -> None:
    """The verdict first, then the evidence, the diff and the bill."""
    out = console()
    verdict = Verdict.model_validate(plain(verdict.model_dump(mode="json")))
    out.print(_headline(verdict))
    if verdict.candidates:
        out.print(_candidates(verdict))
    if table := votes(verdict):
        out.print(table)
    for reason in verdict.reasons:
        out.print(f"- {escape(reason)}")
    if patch:
        text = plain(patch.decode("utf-8", "replace"))
        out.print(Syntax(text, "diff", background_color="default") if out.is_terminal else Text(text.rstrip("\n")))
    out.print(
        _bill(
            {name: Amounts(**each.model_dump()) for name, each in verdict.cost.stages.items()},
            verdict.cost.wall_s,
            f"stopped: {verdict.stopped}",
        )
    )
    for note in verdict.notes:
        out.print(f"note: {escape(note)}")
    out.print(f"run {run_id} (runoff show {run_id})", style="dim")


def show_without_verdict(record: RunRecord, bill: Bill) -> None:
    """How a Run that has no verdict stands, and what it has cost so far."""
    out = console()
    said = plain(f"run {record.id}: {record.state}{f', {record.error}' if record.error else ''}")
    out.print(Text(said), soft_wrap=True)
    if bill.stages:
        out.print(_bill(bill.stages, bill.wall_s, "so far"))


def show_decisions(decisions: Sequence[Mapping[str, Any]]) -> None:
    """One line for each decision between waves, with the numbers that it follows from."""
    out = console()
    for each in decisions:
        numbers = ", ".join(f"{name} {value:g}" for name, value in each.get("numbers", {}).items())
        told = plain(
            f"{each['action']} {each.get('what', '')}".rstrip()
            + f": {each['why']}"
            + (f" ({numbers})" if numbers else "")
        )
        out.print(Text(f"decision: {told}"), style="dim")


def show_runs(records: list[RunRecord]) -> None:
    """One line a Run, the newest first."""
    out = console()
    table = Table(box=None, pad_edge=False)
    for column in ("run", "state", "repository", "verdict"):
        table.add_column(column, overflow="fold")
    for record in records:
        says = record.error or (record.verdict or {}).get("verdict", {}).get("reason", "")
        table.add_row(
            record.id, record.state, *(escape(plain(str(text))) for text in (record.request.get("repo", ""), says))
        )
    out.print(table if records else "no runs yet: start one with `runoff resolve`")


def show_findings(findings: list[Finding]) -> None:
    """What `runoff doctor` found: one line each, with the remedy where something is missing."""
    out = console()
    for finding in findings:
        mark = "ok     " if finding.ok else "missing" if finding.needed else "-      "
        out.print(Text(f"{mark} {finding.name}: {plain(finding.detail)}"))
        if finding.remedy and not finding.ok:
            out.print(Text(f"          {finding.remedy}"))


def _headline(verdict: Verdict) -> RenderableType:
    if verdict.winner is None:
        return Text(f"no patch: {verdict.reason.removeprefix('no patch found: ')}", style="bold")
    winner = next(each for each in verdict.candidates if each.id == verdict.winner)
    passed = passed_by(verdict, winner.equivalence_class)
    mended = [probe.id for probe in verdict.probes if probe.kind == "target" and probe.id in passed]
    more = f", and {len(mended) - _MANY} more" if len(mended) > _MANY else ""
    return Group(
        Text(winner.step, style="bold"),
        Text(verdict.reason),
        Text(f"mended: {', '.join(mended[:_MANY])}{more}" if mended else "mended: no test that failed before"),
        Text(f"confidence {verdict.confidence:.0%}: {verdict.confidence_reason}"),
    )


def _candidates(verdict: Verdict) -> RenderableType:
    """One line each, the best first. votes: independent ones for what it does; likely: that this is right, by the ballots
    alone. Equal letters under "behaves": equal results on generated inputs."""
    table = Table(box=None, pad_edge=False)
    for column in ("rank", "id", "mends", "breaks", "examples", "votes", "likely", "behaves"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it does", overflow="fold")
    passed = {ballot.probe for ballot in verdict.ballots if ballot.outcome == "passed"}
    targets = {probe.id for probe in verdict.probes if probe.kind == "target"} & passed
    letters = {key: chr(ord("A") + place % 26) for place, key in enumerate(_distinct(verdict))}
    for each in verdict.candidates[:_MANY]:
        examples = each.examples_met + each.examples_missed
        table.add_row(
            f"{each.rank or '-'}{' *' if each.id == verdict.winner else ''}",
            each.id[:8],
            f"{len(targets & passed_by(verdict, each.equivalence_class))}/{len(targets)}" if each.rank else "-",
            f"{len(each.broken)}{', not all run' if each.unseen else ''}" if each.rank else "-",
            f"{each.examples_met}/{examples}" if examples else "-",
            "-" if each.votes is None else f"{each.votes:g}",
            "-" if each.posterior is None else f"{each.posterior:.0%}",
            letters.get(each.behaviour or "", "-"),
            escape(each.dropped or each.step),
        )
    hidden = len(verdict.candidates) - _MANY
    return Group(table, Text(f"… and {hidden} more, in verdict.json")) if hidden > 0 else table


def _distinct(verdict: Verdict) -> list[str]:
    return list(dict.fromkeys(each.behaviour for each in verdict.candidates if each.behaviour))


def _bill(stages: Mapping[str, Amounts], wall_s: float, ended: str) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for column in ("stage", "tries", "sandbox s", "tokens", "usd"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, cost in stages.items():
        table.add_row(stage, str(cost.candidates), f"{cost.sandbox_s:.1f}", str(cost.tokens), f"{cost.usd:.2f}")
    return Group(Text(f"bill: {wall_s:.1f} s; {ended}"), table)
