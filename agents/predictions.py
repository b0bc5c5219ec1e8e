"""Patches that other systems made: files in git's format, or predictions in the format of SWE-bench.

A prediction is a JSON object with `instance_id`, `model_patch` and, for its source, `model_name_or_path`; a file holds one
a line (.jsonl), or all of them in a list or an object by instance (.json).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.errors import BadCandidates

PATCHES, PREDICTIONS = (".diff", ".patch"), (".jsonl", ".json")
LARGEST = 64 << 20  # bytes of one patch
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Prediction:
    """A patch and the system that made it. instance: the Issue's id, None in a file that is nothing but a patch. sample:
    which of the system's patches it is, from 1."""

    source: str
    patch: bytes
    instance: str | None = None
    sample: int = 1


def read_predictions(places: Sequence[Path], instance: str | None = None) -> list[Prediction]:
    """What files and directories hold for one Issue, in their order.

    instance: the Issue's id, needed where predictions of several are there. Raises BadCandidates: which file, which line,
    what to do.
    """
    found = [each for place in places for each in _of_place(place)]
    instances = sorted({each.instance for each in found if each.instance is not None})
    if instance is None and len(instances) > 1:
        shown = ", ".join(instances[:_SHOWN]) + (", …" if len(instances) > _SHOWN else "")
        raise BadCandidates(f"there are predictions for {len(instances)} issues ({shown}); name one with --instance")
    wanted = [each for each in found if instance is None or each.instance in (None, instance)]
    if not wanted:
        where = ", ".join(map(str, places))
        missing = f"no prediction for {instance}" if instance is not None and instances else "no patch"
        raise BadCandidates(f"{where}: {missing}; give .diff or .patch files, or predictions (.jsonl, .json)")
    return list(_numbered(wanted))


def _numbered(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    seen: Counter[str] = Counter()
    for each in predictions:
        seen[each.source] += 1
        yield replace(each, sample=seen[each.source])


def _whole(patch: bytes) -> bytes:
    """A patch with the end of its last line, which predictions often lack, and git wants."""
    return patch if not patch.strip() or patch.endswith(b"\n") else patch + b"\n"


def _of_place(place: Path) -> Iterator[Prediction]:
    try:
        if place.is_dir():
            files = sorted(each for each in place.iterdir() if each.suffix in (*PATCHES, *PREDICTIONS))
            if not files:
                raise BadCandidates(f"{place} holds no .diff, .patch, .jsonl or .json file")
            for each in files:
                yield from _of_file(each)
        else:
            yield from _of_file(place)
    except OSError as error:
        raise BadCandidates(f"{error.filename or place} cannot be read: {error.strerror}") from error


def _of_file(path: Path) -> Iterator[Prediction]:
    if path.suffix == ".jsonl":
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    where = f"{path}, line {number}"
                    yield _prediction(_json(line, where), where, path.stem)
    elif path.suffix == ".json":
        yield from _of_json(_json(path.read_bytes(), str(path)), path)
    else:
        if path.stat().st_size > LARGEST:
            raise BadCandidates(f"{path} is larger than a patch may be ({LARGEST >> 20} MiB)")
        yield Prediction(path.stem, _whole(path.read_bytes()))


def _of_json(data: Any, path: Path) -> Iterator[Prediction]:
    if isinstance(data, Mapping) and "model_patch" not in data:
        for name, each in data.items():
            where = f"{path}, {name}"
            yield _prediction({"instance_id": name, **each} if isinstance(each, Mapping) else each, where, path.stem)
        return
    for number, each in enumerate(data if isinstance(data, list) else [data], 1):
        yield _prediction(each, f"{path}, entry {number}", path.stem)


def _json(data: bytes, where: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadCandidates(f"{where} is not JSON: {error}") from error


def _prediction(data: Any, where: str, stem: str) -> Prediction:
    if not isinstance(data, Mapping):
        raise BadCandidates(f"{where} is no object; a prediction has instance_id, model_name_or_path and model_patch")
    for name in ("instance_id", "model_patch"):
        if name not in data:
            has = ", ".join(map(str, list(data)[:_SHOWN])) or "nothing"
            raise BadCandidates(f"{where} has no {name} (it has {has})")
    instance, patch, source = data["instance_id"], data["model_patch"], data.get("model_name_or_path", stem)
    for name, value, kinds in (
        ("instance_id", instance, str),
        ("model_patch", patch, str | None),
        ("model_name_or_path", source, str),
    ):
        if not isinstance(value, kinds):
            raise BadCandidates(f"{where}: {name} must be a text, and is {type(value).__name__}")
    written = (patch or "").encode("utf-8", "surrogatepass")
    if len(written) > LARGEST:
        raise BadCandidates(f"{where}: the patch is larger than a patch may be ({LARGEST >> 20} MiB)")
    return Prediction(source, _whole(written), instance)
