"""What this machine has for Runoff, what would be used, and what to do about what is missing."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from agents.errors import ModelError
from agents.findings import Finding
from agents.models import Endpoint, Replay, Scripted
from agents.models.faults import remedy_of
from agents.models.load import DEFAULT_BASE_URL, KEY, endpoints, secrets
from agents.settings import Settings
from memory import Store, StoreUnusable
from workspaces import diagnose, preferred

_ANSWER_S = 10.0
_SHOWN = 10  # models of an endpoint
_ELSEWHERE = (
    "start a server (runoff model serve MODEL), or name another address with RUNOFF_BASE_URL or OPENAI_BASE_URL"
)


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
    return [*findings, *await _models(settings)]


async def _models(settings: Settings) -> list[Finding]:
    """The model that `runoff resolve` would ask, with a line for each address; needed where the settings name one."""
    name = settings.model or ""
    needed = bool(name)
    if name.startswith(("scripted:", "replay:")):
        return [_without_a_server(name, settings)]
    if not name and not settings.base_url:
        detail = "none: the built-in repair policy is used (Python with pytest tests)"
        return [Finding("model", True, f"{detail}; --model NAME would be asked for at {DEFAULT_BASE_URL}")]
    try:
        asked = endpoints(name, settings)
    except ModelError as error:
        return [Finding("model", False, str(error), remedy_of(error, _ELSEWHERE), needed)]
    return [await _endpoint(each, needed=needed) for each in asked]


def _without_a_server(name: str, settings: Settings) -> Finding:
    kind, _, where = name.partition(":")
    try:
        Scripted.load(Path(where)) if kind == "scripted" else Replay(Path(where), secrets(settings))
    except ModelError as error:
        return Finding("model", False, str(error), "name another with RUNOFF_MODEL or --model", needed=True)
    return Finding("model", True, name, needed=True)


async def _endpoint(endpoint: Endpoint, *, needed: bool) -> Finding:
    key = f"with the key of {KEY}" if os.environ.get(KEY, "").strip() else "without a key"
    where = f"{endpoint.name}, {key}"
    try:
        async with asyncio.timeout(_ANSWER_S):
            facts = await endpoint.learn()
    except ModelError as error:
        return Finding(
            "model", False, f"{endpoint.model or 'none named'}, {key}: {error}", remedy_of(error, _ELSEWHERE), needed
        )
    except TimeoutError:
        return Finding("model", False, f"{where}: no answer in {_ANSWER_S:g} s", _ELSEWHERE, needed)
    finally:
        await endpoint.close()
    if facts.models is None:
        detail = f"{endpoint.model or 'none named'} at {where}: it answers, and has no list of models"
        return Finding("model", True, f"{detail}; runoff model check tries it")
    has = ", ".join(sorted(facts.models)[:_SHOWN]) or "none"
    if not endpoint.model:
        return Finding(
            "model", True, f"none named, so the built-in repair policy is used; {where} answers, and has {has}"
        )
    if endpoint.model not in facts.models:
        detail = f"{where} has no model {endpoint.model!r}; it has {has}"
        return Finding("model", False, detail, "name one of them with RUNOFF_MODEL or --model", needed)
    context = f", context {endpoint.context} tokens" if endpoint.context else ""
    return Finding("model", True, f"{endpoint.model} at {where}: it answers{context}", needed=needed)


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
