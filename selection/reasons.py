"""Why a probe weighs what it weighs, and what told the winner from the others, in words."""

from __future__ import annotations

from selection.ballots import FAILED, Probe
from selection.count import Count, Standing
from selection.weights import OWN

MOST = 5  # sentences about probes


def why_it_weighs(counted: Count, probe: Probe) -> str:
    """One probe's weight; nothing of the many that have none, since they are required and say the same of all."""
    if probe.kind == "differential":
        return "nobody knows the right answer: it tells who agrees with whom"
    if not counted.box.speaks(probe.id):
        return "no class passes it, so it says nothing"
    if probe.required and not counted.box.separates(probe.id):
        return ""
    rates = counted.weights[probe.id].rates
    said = f"{rates.right:.0%} of right programs and {rates.wrong:.0%} of wrong ones pass it"
    said += ", as estimated from all ballots" if rates.worth is not None and counted.box.separates(probe.id) else ""
    if probe.flakiness:
        said += f"; {probe.flakiness:.0%} of its repetitions came out otherwise, so it vetoes nothing"
    return said


def reasons(counted: Count) -> list[str]:
    """What told the winner from the classes behind it; nothing without a winner or a rival."""
    winner = counted.winner
    if winner is None or len(counted.standings) < 2:
        return []
    others = [standing for standing in counted.standings if standing is not winner]
    said = _vetoes(others)
    if winner.group_votes > 1:
        said.append(f"{_number(winner.group_votes)} independent votes are for what it does")
    telling = [probe for name, probe in counted.box.probes.items() if _tells(counted, name)]
    telling.sort(key=lambda probe: (-counted.weights[probe.id].swing, probe.id))
    said += [_told(counted, winner, probe) for probe in telling[:MOST]]
    if len(telling) > MOST:
        said.append(f"{len(telling) - MOST} more probes tell it from others")
    second = next((standing for standing in counted.eligible if standing is not winner), None)
    if second is not None and second.score == winner.score:
        by = (
            "more candidates are this program"
            if winner.votes > second.votes
            else "the policy's own order puts it first"
        )
        said.append(f"nothing tells it from the second best; {by}")
    return said


def _vetoes(others: list[Standing]) -> list[str]:
    broken, unmet = sum(bool(each.broken) for each in others), sum(bool(each.unmet) for each in others)
    untested = sum(bool(each.unseen) and not each.broken and not each.unmet for each in others)
    said = [f"{_programs(broken)} broke a test that passes on base"] if broken else []
    said += [f"{_programs(unmet)} did not mend a test that another mends"] if unmet else []
    said += [f"{_programs(untested)} could not win any more, and had no further tests"] if untested else []
    return said


def _tells(counted: Count, probe: str) -> bool:
    return (
        counted.box.separates(probe) and not counted.box.probes[probe].required and bool(counted.weights[probe].swing)
    )


def _told(counted: Count, winner: Standing, probe: Probe) -> str:
    box = counted.box
    ballot = box.rows[winner.of.id].get(probe.id)
    by = f" of trajectory {' and '.join(sorted(probe.authors))}" if probe.authors else ""
    what = f"the {probe.kind} probe {probe.id}{by}"
    failing, voted = box.failing[probe.id], box.failing[probe.id] + box.passing[probe.id]
    if ballot is None:
        return f"{what} was not run for it"
    own = probe.id in box.own[winner.of.id]
    weighs = counted.weights[probe.id].of(ballot.outcome, own=own)
    if ballot.outcome in FAILED:
        return f"against it: it fails {what}, as {failing - 1} of {voted - 1} others do ({weighs:+.1f})"
    less = f", at {OWN:.0%} of its weight, for its author alone proposed this program" if own else ""
    return f"it passes {what}, which {failing} of {voted} programs fail ({weighs:+.1f}){less}"


def _programs(number: int) -> str:
    return "1 program" if number == 1 else f"{number} programs"


def _number(votes: float) -> str:
    return f"{votes:.0f}" if votes == round(votes) else f"{votes:.1f}"
