"""Which host directories an interpreter needs to be seen in a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workspaces.errors import WorkspaceError

_ASK = "import json, sys; print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys.version_info[:2]]))"
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/sbin")  # every sandbox sees these


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python program, and the directories (read-only in the sandbox) that it lives from."""

    program: Path
    readonly: tuple[Path, ...]
    version: tuple[int, int]


def find_interpreter(python: Path) -> Interpreter:
    """Ask the interpreter itself, which the user chose and trusts. Raises WorkspaceError when it does not answer."""
    try:
        ended = subprocess.run(
            [os.fspath(python), "-I", "-c", _ASK], capture_output=True, text=True, timeout=30, cwd="/", check=False
        )
        program, prefix, base, version = json.loads(ended.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it does not answer like Python"
        raise WorkspaceError(f"the interpreter {python} cannot be used ({reason}); name one with --python") from error
    places = {Path(prefix), Path(base), Path(base).resolve(), Path(program).resolve().parent.parent}
    outside = sorted(place for place in places if not _is_below(place, _SYSTEM))
    readonly = tuple(place for place in outside if not any(other in place.parents for other in outside))
    return Interpreter(Path(program), readonly, (version[0], version[1]))


def _is_below(path: Path, tops: tuple[str, ...]) -> bool:
    return any(path == Path(top) or Path(top) in path.parents for top in tops)
