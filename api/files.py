"""What the command line reads and writes where the user says: the issue's text, the results of a run."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memory import Journal, Store, write_whole

if TYPE_CHECKING:
    from agents.resolve import Outcome


def read_issue(text: str) -> str:
    """The issue's text: `-` is standard input, the name of a file its content, anything else the text itself."""
    if text == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    if not text:
        raise typer.BadParameter("it is empty; say what is wrong, in a sentence at least", param_hint="--issue")
    path = Path(text)
    try:
        is_file, is_directory = path.is_file(), path.is_dir()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: it is a text
        return text
    if is_directory:
        raise typer.BadParameter(
            f"{text} is a directory; name a file in it, or give the text itself", param_hint="--issue"
        )
    if is_file:
        try:
            return path.read_bytes().decode("utf-8", "replace")
        except OSError as error:
            raise typer.BadParameter(f"{text} cannot be read: {error.strerror}", param_hint="--issue") from error
    if "\n" not in text and " " not in text and (path.suffix or "/" in text):
        raise typer.BadParameter(f"there is no file {text}", param_hint="--issue")
    return text


def check_output(output: Path | None) -> None:
    """Find out before the work whether its results can be written, by trying; nothing is left of that."""
    if output is None:
        return
    made: list[Path] = []
    try:
        for place in (*reversed(output.parents), output):
            if not place.is_dir():
                place.mkdir()
                made.append(place)
        tempfile.TemporaryFile(dir=output).close()
    except OSError as error:
        why = f"{error.filename} is a file" if isinstance(error, FileExistsError) else error.strerror
        raise typer.BadParameter(f"no results can be written to {output}: {why}", param_hint="-o") from error
    finally:
        with contextlib.suppress(OSError):
            for place in reversed(made):
                place.rmdir()


def write_output(output: Path, outcome: Outcome, store: Store) -> None:
    """Write patch.diff, verdict.json and journal.jsonl. Raises OSError."""
    journal = "".join(event.as_json() + "\n" for event in Journal(store, outcome.run_id).events())
    files = {
        "patch.diff": outcome.patch,
        "verdict.json": outcome.verdict.model_dump_json(indent=2).encode() + b"\n",
        "journal.jsonl": journal.encode(),
    }
    output.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(output / name, data, 0o644)
