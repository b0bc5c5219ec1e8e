"""What of the host an interpreter needs to be seen in a sandbox.

The interpreter is asked on the host, outside of any sandbox: it is the one thing that the user brings and that is trusted, named
with --python, active, or made by the user in the checkout (`.venv`). One that the repository tracks is never asked:
`Repositories.tracks` says so to whoever looks for a default.
"""

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
    """A Python program, and the directories and files (read-only in the sandbox) that it lives from."""

    program: Path
    readonly: tuple[Path, ...]
    version: tuple[int, int]


def find_interpreter(python: Path) -> Interpreter:
    """Ask the interpreter itself, which the user chose and trusts. Raises WorkspaceError: it does not answer, or the sandbox
    would have to see all of the user's home directory."""
    try:
        ended = subprocess.run(
            [os.fspath(python), "-I", "-c", _ASK], capture_output=True, text=True, timeout=30, cwd="/", check=False
        )
        program, prefix, base, version = json.loads(ended.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it does not answer like Python"
        raise WorkspaceError(f"the interpreter {python} cannot be used ({reason}); name one with --python") from error
    # The program itself too: it may lie anywhere, with its library elsewhere.
    places = {Path(prefix), Path(base), Path(base).resolve(), Path(program), Path(program).resolve()}
    outside = sorted(place for place in places if not _is_below(place, _SYSTEM))
    home = Path.home()
    for place in outside:
        if place.resolve() in (Path("/"), home, home.resolve(), *home.parents, *home.resolve().parents):
            raise WorkspaceError(
                f"the interpreter {python} lives in {place}, all of which the sandbox would see; make one with a directory of "
                "its own (python3 -m venv DIRECTORY), and name it with --python"
            )
    readonly = tuple(place for place in outside if not any(other in place.parents for other in outside))
    return Interpreter(Path(program), readonly, (version[0], version[1]))


def _is_below(path: Path, tops: tuple[str, ...]) -> bool:
    return any(path == Path(top) or Path(top) in path.parents for top in tops)
