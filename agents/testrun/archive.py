"""The harness as one zip file that Python can run."""

from __future__ import annotations

import functools
import io
import zipfile
from importlib import resources

PACKAGE = "runoff_harness"


@functools.cache
def archive() -> bytes:
    """Its bytes; the same for the same sources."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr(zipfile.ZipInfo("__main__.py"), f"from {PACKAGE}.main import main\n\nmain()\n")
        for file in sorted(resources.files("agents.testrun.harness").iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                target.writestr(zipfile.ZipInfo(f"{PACKAGE}/{file.name}"), file.read_bytes())
    return buffer.getvalue()
