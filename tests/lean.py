"""An interpreter with pytest and nothing else, for the repositories that tests resolve.

Every sandbox imports the pytest plugins of its interpreter; those of this project's own environment take seconds.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import sys
import sysconfig
import tempfile
import venv
from importlib.metadata import distribution
from pathlib import Path

NEEDED = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")


@functools.cache
def lean_python() -> Path:
    """Made once a test run, from copies of what is installed here."""
    place = Path(tempfile.mkdtemp(prefix="runoff-lean-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    venv.create(place, symlinks=True)
    packages = place / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    here = Path(sysconfig.get_path("purelib"))
    for name in NEEDED:
        for file in distribution(name).files or ():
            if ".." not in file.parts and (here / file).is_file():
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(here / file, packages / file)
    return place / "bin" / "python"
