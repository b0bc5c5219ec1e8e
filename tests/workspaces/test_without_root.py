"""The whole room again as a user without root, where commands and the host's processes belong to the same user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 65534
# Bind mounts, which nobody else sees: the interpreter and the project may lie where only root may go.
SCRIPT = """
set -e
mkdir python code packages home
mount --bind "$1" python
mount --bind "$2" code
mount --bind "$3" packages
chown $4:$4 home
cd code
exec setpriv --reuid $4 --regid $4 --clear-groups ../python/bin/python3 -m pytest -q -p no:cacheprovider \\
    -m "not docker and not slow" --ignore tests/workspaces/test_without_root.py tests/workspaces
"""


@pytest.mark.bubblewrap
@pytest.mark.skipif(os.geteuid() != 0, reason="this whole run is one without root")
def test_the_room_keeps_its_promises_without_root(state: Path) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("this root may mount nothing")
    project, packages = Path(__file__).parents[2], Path(pytest.__file__).parents[1]
    variables = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(state / "home"),
        "TMPDIR": str(state / "home"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(state / "home" / "hypothesis"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{state}/code:{state}/packages",
    }
    places = [sys.base_prefix, str(project), str(packages), str(NOBODY)]
    ended = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh", *places],
        cwd=state,
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout[-20000:] + ended.stderr[-5000:]
