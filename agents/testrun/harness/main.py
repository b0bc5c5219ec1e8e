"""Start: take the protocol's file descriptors away from the tests, import pytest, collect, serve.

    python harness.pyz warm|cold OPTIONS      OPTIONS is JSON: {"args": [], "root": "/workspace", "cwd_on_path": true}

warm: everything is collected once, in this process; each request runs in a fork of it. cold: nothing of the repository
is imported here; each request collects for itself, in a fork.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import json
import os
import sys
import tempfile
from typing import Any

from .lines import in_repository
from .patch import LiveFunctions
from .reason import reason
from .serve import Channel, serve

OLDEST_PYTEST = 6


def main() -> None:
    mode, options = sys.argv[1], json.loads(sys.argv[2])
    channel = Channel(os.dup(0), os.dup(1))
    log = _silence()
    sys.dont_write_bytecode = True
    sys.argv = ["pytest", *options["args"]]
    sys.path.pop(0)  # the harness's own archive
    try:
        import pytest
    except ImportError as error:
        channel.send({"event": "unusable", "reason": "no-pytest", "text": f"{sys.executable}: {error}"})
        return
    if int(pytest.__version__.split(".")[0]) < OLDEST_PYTEST:
        channel.send({"event": "unusable", "reason": "old-pytest", "text": pytest.__version__})
        return
    from .pytests import ColdTests, WarmTests  # they need pytest

    if options["cwd_on_path"]:
        sys.path.insert(0, os.getcwd())
    arguments = options["args"] + _neutral(pytest)
    root = os.path.realpath(options["root"])
    if mode == "cold":
        _import_plugins(root)
        channel.send({"event": "ready", "python": sys.version.split()[0], "pytest": pytest.__version__})
        serve(channel, ColdTests(arguments, root))
    else:
        plugin = WarmTests(channel, root, LiveFunctions(root))
        plugin.live.watch_imports()
        code = pytest.main(arguments, plugins=[plugin])
        channel.send({"event": "unusable", "reason": "pytest-ended", "text": _tail(log, int(code))})


def _import_plugins(root: str) -> None:
    """Import what pytest would load for itself, so that a fork need not; not what belongs to the repository."""
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return
    for distribution in importlib.metadata.distributions():
        for entry in distribution.entry_points:
            if entry.group != "pytest11":
                continue
            with contextlib.suppress(Exception):  # pytest meets the same failure, and reports it
                name = entry.value.split(":")[0]
                spec = importlib.util.find_spec(name)
                if spec is not None and not in_repository(spec.origin or root + os.sep, root):
                    importlib.import_module(name)


def _silence() -> Any:
    """Standard input from nowhere, output and errors to a file of which an error message quotes the end."""
    log = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the process)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    os.close(nowhere)
    return log


def _tail(log: Any, code: int) -> str:
    sys.stdout.flush()
    sys.stderr.flush()
    log.seek(max(0, log.seek(0, os.SEEK_END) - (1 << 20)))
    return f"pytest ended with exit code {code}: {reason(log.read().decode('utf-8', 'replace'))}"


def _neutral(pytest: Any) -> list[str]:
    """Options that come last and so win: nothing written into the workspace, one process, no capturing to files."""
    options = ["--capture=no", "--tb=native", "-o", "cache_dir=" + os.path.join(tempfile.gettempdir(), "pytest-cache")]
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return options
    if importlib.util.find_spec("xdist"):
        options += ["-n", "0"]
    if importlib.util.find_spec("pytest_cov"):
        options += ["--no-cov"]
    return options
