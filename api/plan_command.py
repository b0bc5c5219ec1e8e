"""`runoff plan`: what the compiler makes of a plan, and what a Run's plans did."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from agents.planned import explained_plans
from agents.settings import Settings
from memory import Journal, Runs, Store
from planner import FORMATS, CompileErrors, ToolFileError, ToolSpec, compile_plan, explain, read_tools


def plan_command(
    file: Annotated[Path | None, typer.Argument(help="the plan's text; - for standard input")] = None,
    tools: Annotated[
        Path | None,
        typer.Option(
            help="the tools that the plan may call, in TOML (see docs/plans.md); those of a trajectory if not given"
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="instead of a file: the plans that a run executed, with actual times")
    ] = None,
    format: Annotated[Literal["text", "json", "mermaid", "dot", "gantt"], typer.Option(help="how to show it")] = "text",
) -> None:
    """Compile a plan and explain it: what waits for what and why, what was merged and left out, costs, critical path.

    With --run, the plans that a run executed, with the times that they took (EXPLAIN ANALYZE). Exit code 2 when the plan
    has faults; each is shown with its place and what to write instead (with --format json as `errors`, on standard output).
    """
    if (file is None) == (run is None):
        raise typer.BadParameter("name a file with a plan, or a run with --run; one of them", param_hint="FILE")
    if run is not None:
        with Store.open(Settings().state_dir) as store:
            journal = Journal(store, Runs(store).find(run).id)
            for name, explained in explained_plans(journal.events()):
                if format in ("text", "gantt"):
                    print(f"plan {name}:")
                sys.stdout.write(FORMATS[format](explained))
        return
    assert file is not None
    if str(file) == str(tools) == "-":
        raise typer.BadParameter("standard input can be the plan or the tools, not both", param_hint="--tools")
    try:
        plan = compile_plan(_read(file), _specs(tools))
    except CompileErrors as errors:
        if format == "json":
            told = [asdict(error) | {"column": error.column + 1} for error in errors.errors]
            print(json.dumps({"errors": told}, indent=2))
        else:
            for error in errors.errors:
                print(f"{'standard input' if str(file) == '-' else file}: {error}", file=sys.stderr)
        sys.exit(2)
    sys.stdout.write(FORMATS[format](explain(plan)))


def _specs(file: Path | None) -> tuple[ToolSpec, ...]:
    if file is None:
        from agents.tools import SPECS  # the engine's: not needed to show what a run did

        return SPECS
    try:
        return read_tools(_read(file).decode("utf-8", "replace"))
    except ToolFileError as error:
        raise ToolFileError(f"{'standard input' if str(file) == '-' else file}: {error}") from error


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from error
