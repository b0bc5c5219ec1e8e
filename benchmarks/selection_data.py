"""The patches, issues and base files that the selection benchmarks read, and the patches as candidates.

Labels are read by `labels` alone, and never meet a candidate.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.errors import EditRefused, PathRefused
from agents.tools.encoding import Text
from agents.tools.patch import patched, read_patch
from selection import Candidate, Change, Provenance, is_test

Labels = Mapping[tuple[str, str], bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission's patch for one issue."""

    instance: str
    pool: str
    candidate: Candidate


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def labels(data: Path) -> Labels:
    """Whether (instance, submission) is resolved."""
    return {
        (each["instance_id"], each["submission"]): bool(each["resolved"]) for each in rows(data / "labels.jsonl.gz")
    }


def entries(data: Path) -> Iterator[Entry]:
    """Every patch, applied to its base files, issue by issue."""
    texts: dict[str, str] = {}
    files: dict[str, dict[str, str]] = defaultdict(dict)
    for each in rows(data / "base_files.jsonl.gz"):
        if each["text"] is not None:
            texts[each["sha"]] = each["text"]
        files[each["instance_id"]][each["path"]] = texts[each["sha"]]
    given = sorted(rows(data / "candidates.jsonl.gz"), key=lambda each: (each["instance_id"], each["submission"]))
    for each in given:
        yield Entry(each["instance_id"], each["pool"], _candidate(each, files[each["instance_id"]]))


def _candidate(row: Mapping[str, Any], files: Mapping[str, str]) -> Candidate:
    made = Provenance("submission", source=row["submission"], family=row["family"])
    changes: tuple[Change, ...] = ()
    misfit = None
    try:
        changes = _changes(row["patch"], files)
    except (EditRefused, PathRefused) as error:
        misfit = str(error)
    return Candidate(row["submission"], row["patch"].encode(), changes, made, misfit=misfit)


def _changes(patch: str, files: Mapping[str, str]) -> tuple[Change, ...]:
    """Raises EditRefused where a product file does not fit. Binary files are left out, and files other than Python and tests
    where they do not fit: the data does not hold all of them."""
    after: dict[str, str | None] = {}
    for part in re.split(r"(?m)^(?=diff --git )", patch):
        if not part.strip() or "\n@@" not in part:
            continue
        for file in read_patch(part):
            name = file.new or file.old or ""
            before = after.get(file.old, files.get(file.old)) if file.old else None
            try:
                if file.old and before is None:
                    raise EditRefused(f"{file.old} does not exist")
                content = patched(file, None if before is None else Text(before, "utf-8"))[0] if file.new else None
            except EditRefused:
                if is_test(name) or not name.endswith(".py"):
                    continue
                raise
            if file.old and file.new and file.old != file.new:
                after[file.old] = None
            after[name] = content
    return tuple(Change(path, _bytes(files.get(path)), _bytes(content)) for path, content in sorted(after.items()))


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogatepass")
