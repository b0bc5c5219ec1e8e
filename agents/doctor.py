"""What this machine has for Runoff, what would be used, and what to do about what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from agents.findings import Finding
from agents.settings import Settings
from memory import Store, StoreUnusable
from workspaces import diagnose


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything a Run needs, by trying it."""
    state = _state(settings)
    with tempfile.TemporaryDirectory(prefix="runoff-") as another:
        place = settings.state_dir if state.ok else Path(another)
        providers = await diagnose(place, image=settings.image)
    findings = [_python(), _git(), state]
    findings += [Finding(name, each.ok, each.detail, each.remedy) for name, each in providers.items()]
    usable = [name for name, each in providers.items() if each.ok]
    wanted = usable if settings.sandbox == "auto" else [name for name in usable if name == settings.sandbox]
    findings.append(
        Finding(
            "sandbox",
            ok=bool(wanted),
            detail=f"{wanted[0]} would be used" if wanted else f"none of what {settings.sandbox} allows is usable",
            remedy="mend one of the sandboxes above",
            needed=True,
        )
    )
    findings.append(Finding("model", True, "none: the built-in repair policy is used (Python with pytest tests)"))
    return findings


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer", needed=True)


def _git() -> Finding:
    program = shutil.which("git")
    if program is None:
        return Finding("git", False, "not found", "install it: apt-get install git", needed=True)
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return Finding("git", True, version.removeprefix("git version "), needed=True)


def _state(settings: Settings) -> Finding:
    try:
        Store.open(settings.state_dir).close()
    except StoreUnusable as error:
        return Finding(
            "state", False, str(error), "set RUNOFF_STATE_DIR to a directory that you may write", needed=True
        )
    free = shutil.disk_usage(settings.state_dir).free
    return Finding("state", True, f"{settings.state_dir}, {free / 2**30:.1f} GiB free", needed=True)
