"""Candidates that were found, as rows of the journal and the checkpoint: kept, ranked again, and recalled by a process that
goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agents.changes import changes_of
from agents.live import LiveRun
from agents.policy import Found, Ranked
from selection import Candidate, Provenance
from workspaces import PatchError, patched_files


def check(live: LiveRun, candidate: Candidate) -> None:
    """Whether git makes of the patch what was tested. Raises PatchError; then Runoff itself is at fault."""
    assert live.checkout is not None
    if candidate.provenance.policy != "repair":
        return  # its files were read from the patch
    after = {path: entry and entry[1] for path, entry in patched_files(live.checkout, candidate.patch).items()}
    if after != {change.path: change.after for change in candidate.changes}:
        raise PatchError(f"the patch of candidate {candidate.id} does not hold what was tested; please report this")


def keep(live: LiveRun, found: Found, elapsed_s: float) -> dict[str, Any]:
    """Keep a candidate: its files in the file store, its row in the journal and the checkpoint."""
    candidate = found.candidate
    live.evidence.candidates[candidate.id] = candidate
    if found.proven:
        live.evidence.proven.add(candidate.id)
    row = {
        "id": candidate.id,
        "policy": candidate.provenance.policy,
        "model": candidate.provenance.model,
        "trajectory": candidate.provenance.trajectory,
        "source": candidate.provenance.source,
        "family": candidate.provenance.family,
        "sample": candidate.provenance.sample,
        "proven": found.proven,
        "step": candidate.provenance.step,
        "score": candidate.score,
        "misfit": candidate.misfit,
        "probability": candidate.probability,
        "patch": live.store.files.put(candidate.patch),
        "tried": found.tried,
        "elapsed_s": round(elapsed_s, 3),
    }
    live.journal.append("candidate", row)
    return row


def rank(live: LiveRun, found: list[dict[str, Any]], ranked: Ranked) -> None:
    """What is known of earlier candidates now that there are more."""
    for at, row in enumerate(found):
        name = row["id"]
        if (likely := ranked.likely.get(name)) is not None:
            found[at] = row | {"probability": likely}
            live.evidence.candidates[name] = replace(live.evidence.candidates[name], probability=likely)


def recall(live: LiveRun, row: dict[str, Any]) -> Candidate:
    """The candidate of a row, which an earlier process found."""
    assert live.checkout is not None
    patch = live.store.files.get(row["patch"])
    if row.get("proven"):
        live.evidence.proven.add(row["id"])
    trajectory, source, family = (row.get(name) for name in ("trajectory", "source", "family"))
    made = (row["policy"], row["step"], row["model"], trajectory, source, family, row.get("sample", 1))
    provenance = Provenance(*made)
    misfit = row.get("misfit")
    changes = () if misfit or not patch.strip() else changes_of(live.checkout, patch)
    return Candidate(
        row["id"], patch, changes, provenance, row["score"], misfit=misfit, probability=row.get("probability")
    )
