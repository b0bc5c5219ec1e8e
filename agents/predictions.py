"""Patches that other systems made: files in git's format, or predictions in the format of SWE-bench.

A prediction is a JSON object with `instance_id`, `model_patch` and, for its source, `model_name_or_path`; a file holds one
a line (.jsonl), or all of them in a list or an object by instance (.json). What else such an object holds is not read. What
names no source has that of its file: its name, or its path in the directory that was given, without the suffix.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.errors import BadCandidates
from selection import printable

PATCHES, PREDICTIONS = (".diff", ".patch"), (".jsonl", ".json")
LARGEST = 64 << 20  # bytes of one patch
MOST_SENT = 1000  # entries of one request: the patches that the default budget looks at
_SHOWN = 5
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONVERTED = re.compile(rb"^(?:diff --git .*\r|\+\+\+ .*\r\n@@ -.*)$", re.MULTILINE)  # git's own lines end in LF


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
    seen = set[Path]()
    found = [each for place in places for each in _of_place(place, seen)]
    how = "give .diff or .patch files, or predictions (.jsonl, .json)"
    return _of_one_issue(found, instance, "--instance", ", ".join(map(str, places)), how)


def sent_predictions(entries: Sequence[Any], instance: str | None = None) -> list[Prediction]:
    """What a caller sends as `candidates`, for one Issue, in its order: predictions, or objects with `source` and `patch`
    and nothing else. Raises BadCandidates: which entry, what to do."""
    if len(entries) > MOST_SENT:
        raise BadCandidates(
            f"candidates: there are {len(entries)}, and a request may have {MOST_SENT}; send those of one issue, or use "
            "`runoff select` on the service's machine"
        )
    found = [_sent(entry, f"candidates[{place}]") for place, entry in enumerate(entries)]
    return _of_one_issue(found, instance, "`instance`", "candidates", "send some, or leave the field out")


def _of_one_issue(found: list[Prediction], instance: str | None, option: str, where: str, how: str) -> list[Prediction]:
    """Those of an Issue, numbered. option: what names the Issue. where they are looked for, and how to give some."""
    instances = sorted({each.instance for each in found if each.instance is not None})
    if instance is None and len(instances) > 1:
        shown = ", ".join(instances[:_SHOWN]) + (", …" if len(instances) > _SHOWN else "")
        raise BadCandidates(f"there are predictions for {len(instances)} issues ({shown}); name one with {option}")
    wanted = [each for each in found if instance is None or each.instance in (None, instance)]
    if not wanted:
        missing = f"no prediction for {instance}" if instance is not None and instances else "no patch"
        raise BadCandidates(f"{where}: {missing}; {how}")
    return list(_numbered(wanted))


def _numbered(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    seen: Counter[str] = Counter()
    for each in predictions:
        seen[each.source] += 1
        yield replace(each, sample=seen[each.source])


def _whole(patch: bytes) -> bytes:
    """A patch with the end of its last line, which predictions often lack, and git wants."""
    return patch if not patch.strip() or patch.endswith(b"\n") else patch + b"\n"


def _of_place(place: Path, seen: set[Path]) -> Iterator[Prediction]:
    """seen: the files that were read; a file that is given twice is no second opinion."""
    try:
        if place.is_dir():
            files = _below(place)
            if not files:
                raise BadCandidates(f"{place} holds no .diff, .patch, .jsonl or .json file")
            named = [(place / name, str(name.with_suffix(""))) for name in files]
        else:
            named = [(place, place.stem)]
        for path, name in named:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield from _of_file(path, printable(name))
    except OSError as error:
        raise BadCandidates(f"{error.filename or place} cannot be read: {error.strerror}") from error


def _below(directory: Path) -> list[Path]:
    """The files of patches and predictions in a directory and the folders in it, but for hidden ones."""
    found = (each.relative_to(directory) for each in directory.rglob("*") if each.suffix in (*PATCHES, *PREDICTIONS))
    return sorted(
        each for each in found if (directory / each).is_file() and not any(part[0] == "." for part in each.parts)
    )


def _of_file(path: Path, name: str) -> Iterator[Prediction]:
    """name: the source of what names none."""
    if path.suffix == ".jsonl":
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    where = f"{path}, line {number}"
                    yield _prediction(_json(line, where), where, name)
    elif path.suffix == ".json":
        yield from _of_json(_json(path.read_bytes(), str(path)), path, name)
    else:
        if path.stat().st_size > LARGEST:
            raise BadCandidates(f"{path} is larger than a patch may be ({LARGEST >> 20} MiB)")
        yield Prediction(name, _whole(path.read_bytes()))


def _of_json(data: Any, path: Path, name: str) -> Iterator[Prediction]:
    if isinstance(data, Mapping) and "model_patch" not in data:
        for instance, each in data.items():
            where = f"{path}, {instance}"
            yield _prediction({"instance_id": instance, **each} if isinstance(each, Mapping) else each, where, name)
        return
    for number, each in enumerate(data if isinstance(data, list) else [data], 1):
        yield _prediction(each, f"{path}, entry {number}", name)


def _json(data: bytes, where: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadCandidates(f"{where} is not JSON: {error}") from error


def _sent(data: Any, where: str) -> Prediction:
    if not isinstance(data, Mapping) or not data.keys() & {"patch", "model_patch"}:
        raise BadCandidates(
            f"{where} holds no patch; send objects with source and patch, or with instance_id, model_name_or_path and "
            "model_patch"
        )
    if "model_patch" in data:
        read = _prediction(data, where, None)
    else:
        if others := sorted(data.keys() - {"source", "patch"}):
            raise BadCandidates(f"{where} has a field {others[0]!r}; send source and patch, and nothing else")
        source, patch = _texts(data, where, {"source": str, "patch": str}, {})
        read = Prediction(source, _patch(patch, where))
    if b"\0" in read.patch:
        raise BadCandidates(f"{where}: the patch holds NUL bytes; `git diff --binary` writes such changes as text")
    if _CONVERTED.search(read.patch):
        raise BadCandidates(
            f"{where}: git's own lines of the patch end in CRLF, so that something has changed its line ends; send it as git "
            "wrote it"
        )
    return read


def _prediction(data: Any, where: str, stem: str | None) -> Prediction:
    """stem: the source where the prediction names none; None: it must."""
    if not isinstance(data, Mapping):
        raise BadCandidates(f"{where} is no object; a prediction has instance_id, model_name_or_path and model_patch")
    kinds = {"instance_id": str, "model_patch": str | None, "model_name_or_path": str}
    instance, patch, source = _texts(data, where, kinds, {} if stem is None else {"model_name_or_path": stem})
    return Prediction(source, _patch(patch or "", where), instance)


def _texts(data: Mapping[str, Any], where: str, kinds: Mapping[str, Any], missing: Mapping[str, str]) -> Iterator[Any]:
    """The fields of an object, each of its kind. missing: what stands for those that it lacks."""
    for name in kinds:
        if name not in data and name not in missing:
            has = ", ".join(map(str, list(data)[:_SHOWN])) or "nothing"
            raise BadCandidates(f"{where} has no {name} (it has {has})")
    for name, kind in kinds.items():
        value = data.get(name, missing.get(name))
        if not isinstance(value, kind):
            raise BadCandidates(f"{where}: {name} must be a text, and is {type(value).__name__}")
        if value and name not in ("model_patch", "patch") and _SURROGATE.search(value):
            raise BadCandidates(f"{where}: {name} {value!r} is no Unicode text")
        yield value


def _patch(text: str, where: str) -> bytes:
    written = text.encode("utf-8", "surrogatepass")
    if len(written) > LARGEST:
        raise BadCandidates(f"{where}: the patch is larger than a patch may be ({LARGEST >> 20} MiB)")
    return _whole(written)
