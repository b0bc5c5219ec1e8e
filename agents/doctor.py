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
from workspaces import diagnose, preferred


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything a Run needs, by trying it."""
    state = _state(settings)
    with tempfile.TemporaryDirectory(prefix="runoff-") as another:
        place = settings.state_dir if state.ok else Path(another)
        providers = await diagnose(place, image=settings.image)
    findings = [_python(), _git(), state]
    findings += [Finding(name, each.ok, each.detail, each.remedy) for name, each in providers.items()]
    allowed = preferred(settings.sandbox, settings.image)
    usable = [name for name in allowed if providers[name].ok]
    asked = f"sandbox={settings.sandbox}" + (f", image={settings.image}" if settings.image else "")
    findings.append(
        Finding(
            "sandbox",
            ok=bool(usable),
            detail=f"{usable[0]} would be used ({asked})" if usable else f"{' or '.join(allowed)} is needed ({asked})",
            remedy=f"mend {' or '.join(allowed)}, see above, or choose another with RUNOFF_SANDBOX",
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
