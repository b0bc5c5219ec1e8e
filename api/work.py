"""A command that works on a Run: the engine with progress, what it writes and shows, and the exit code that says how it
ended."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from agents.request import Request
from agents.settings import Settings
from api import report
from api.ask import AskOnTerminal
from api.files import write_output
from api.interrupts import Interrupts
from api.plain import plain
from api.progress import ProgressView
from memory import Store
from workspaces import apply_to_checkout

if TYPE_CHECKING:
    from agents.resolve import Outcome

RESOLVED, UNRESOLVED, BAD, INTERRUPTED = 0, 1, 2, 130


def work(
    request: Request,
    settings: Settings,
    output: Path | None,
    *,
    as_json: bool,
    apply: bool,
    run_id: str | None = None,
) -> NoReturn:
    """Run the engine, show what came out, and leave with the exit code that says it."""
    errors = report.console(stderr=True)
    outcome, unwritten = engine(request, settings, output, run_id)
    if as_json:
        print(json.dumps(outcome.verdict.model_dump(mode="json"), indent=2))
    else:
        report.show_verdict(outcome.verdict, outcome.patch, run_id=outcome.run_id)
    if outcome.interrupted:
        errors.print(f"interrupted; go on with: runoff resume {outcome.run_id}")
    elif apply and outcome.patch:
        asyncio.run(apply_to_checkout(request.repo, outcome.patch, settings.state_dir))
        errors.print(plain(f"applied to {request.repo}"), markup=False, soft_wrap=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said; one that comes now must not change the exit code
    if unwritten:
        print(f"runoff: {unwritten}", file=sys.stderr)
        sys.exit(BAD)
    sys.exit(INTERRUPTED if outcome.interrupted else RESOLVED if outcome.verdict.winner else UNRESOLVED)


def engine(request: Request, settings: Settings, output: Path | None, run_id: str | None) -> tuple[Outcome, str | None]:
    """Run the engine with progress, and write what came out; with it, what kept it from being written."""
    interrupts = Interrupts()
    with Store.open(settings.state_dir) as store:
        with ProgressView(report.console(stderr=True)) as view:
            outcome = asyncio.run(_until_interrupted(interrupts, request, settings, store, view, run_id))
        return outcome, _unwritten(output, outcome, store) if output is not None else None


def _unwritten(output: Path, outcome: Outcome, store: Store) -> str | None:
    """Write the results; in words, what kept them from being written, which must not keep them from being shown."""
    try:
        write_output(output, outcome, store)
    except OSError as error:
        said: str = plain(
            f"-o: {output} cannot be written: {error.strerror or error}; the run is kept, with its patch, in "
            f"{store.state_dir}: see `runoff show {outcome.run_id}`, and add --json or --journal for all of it"
        )
        return said
    return None


async def _until_interrupted(
    interrupts: Interrupts, request: Request, settings: Settings, store: Store, view: ProgressView, run_id: str | None
) -> Outcome:
    from agents.resolve import resolve  # a second of imports that the other commands do without

    stop = asyncio.Event()
    ask = AskOnTerminal(report.console(stderr=True), view) if request.ask else None
    with interrupts.passed_on(stop):
        return await resolve(request, settings, store, run_id=run_id, stop=stop, on_event=view, ask=ask)
