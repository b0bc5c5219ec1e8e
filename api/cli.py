"""The command line: reads arguments, shows what the engine says. No logic of its own."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from agents.predictions import read_predictions
from agents.request import Given, Request
from agents.settings import Settings
from api import model_commands, options, report
from api.errors import BAD_INPUT, USAGE_ERROR, one_line, usage
from api.files import check_output, read_issue
from api.plain import plain
from api.plan_command import plan_command
from api.work import BAD, INTERRUPTED, RESOLVED, UNRESOLVED, engine, work
from memory import Journal, Runs, Store, bill_of
from selection import Verdict
from workspaces import cleanup

app = typer.Typer(
    name="runoff",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(model_commands.app, name="model")


def main() -> None:
    """The `runoff` program. Bad input ends in one line on standard error and exit code 2."""
    try:
        sys.exit(app(prog_name="runoff", standalone_mode=False))
    except USAGE_ERROR as error:
        print(usage(error), file=sys.stderr)
        sys.exit(BAD)
    except BAD_INPUT as error:
        print(f"runoff: {one_line(error)}", file=sys.stderr)
        sys.exit(BAD)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"runoff {version('runoff')}")
        raise typer.Exit


@app.callback()
def program(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Turn a compute budget into a resolved issue: many candidate patches, tried in sandboxes, chosen by evidence."""


@app.command(
    "resolve",
    epilog="Exit code: 0 a patch won, 1 none did, 2 bad input, 130 interrupted (the best patch so far is shown).",
)
def resolve_command(
    repo: options.Repo,
    issue: options.Issue,
    test: options.Test = None,
    junit: options.JUnit = None,
    base: options.Base = None,
    budget: options.Limits = None,
    sandbox: options.SandboxName = None,
    image: options.Image = None,
    python: options.Python = None,
    model: Annotated[
        str | None, typer.Option(help="a language model: its name at --base-url, scripted:FILE or replay:DIR")
    ] = None,
    other_model: Annotated[
        list[str] | None,
        typer.Option(
            help="another model that the run may turn to, where its attempts promise more: as --model, or NAME@URL; may "
            "be given several times"
        ),
    ] = None,
    base_url: options.BaseUrl = None,
    trajectories: options.Trajectories = None,
    plan_form: options.PlanForm = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="where every call of the model is recorded [default: in the state directory; see runoff replay]"
        ),
    ] = None,
    ask: options.Ask = False,
    output: options.Output = None,
    as_json: options.AsJson = False,
    apply: options.Apply = False,
) -> None:
    """Resolve an issue: find a patch that mends what fails, and say which tests and what cost stand behind it.

    With --model, trajectories of a language model try it, in any language. Without one it uses the built-in repair policy:
    small faults in Python code that make pytest tests fail.
    """
    settings = Settings()
    _free_standard_input(issue, ask=ask)
    request = Request(
        repo=repo,
        issue=read_issue(issue),
        test=test,
        junit=junit,
        base=base,
        budget=budget,
        sandbox=sandbox,
        image=image,
        python=python,
        model=model,
        other_models=tuple(other_model) if other_model else None,
        base_url=base_url,
        trajectories=trajectories,
        plan_form=plan_form,
        ask=ask,
        record=record and record.absolute(),
    )
    check_output(output)
    work(request, settings, output, as_json=as_json, apply=apply)


@app.command(
    "select",
    epilog="Exit code: 0 a patch won, 1 none did, 2 bad input, 130 interrupted (the best patch so far is shown).",
)
def select_command(
    repo: options.Repo,
    issue: options.Issue,
    candidates: Annotated[
        list[Path],
        typer.Option(
            help="patches: a .diff or .patch file, predictions of SWE-bench (.jsonl, .json), or a directory of such files, "
            "at any depth; may be given several times"
        ),
    ],
    instance: Annotated[
        str | None, typer.Option(help="the issue's instance_id, where the predictions are for several")
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="run nothing: choose by agreement between the patches alone")
    ] = False,
    test: options.Test = None,
    junit: options.JUnit = None,
    base: options.Base = None,
    budget: options.Limits = None,
    sandbox: options.SandboxName = None,
    image: options.Image = None,
    python: options.Python = None,
    model: Annotated[
        str | None, typer.Option(help="a language model that judges, where tests leave it open: its name at --base-url")
    ] = None,
    base_url: options.BaseUrl = None,
    ask: options.Ask = False,
    output: options.Output = None,
    as_json: options.AsJson = False,
    apply: options.Apply = False,
) -> None:
    """Choose among patches that other systems made, by tests and agreement; nothing is generated.

    Patches that do not apply, or cannot be right, are dropped with the reason; those that are the same program are tested
    once; the tests, the tests that the patches add, examples in the documentation and, with --model, a judge vote.
    """
    settings = Settings()
    _free_standard_input(issue, ask=ask)
    predictions = read_predictions(candidates, instance)
    text = read_issue(issue)
    check_output(output)
    with Store.open(settings.state_dir) as store:
        given = tuple(
            Given(source=each.source, sample=each.sample, patch=store.files.put(each.patch)) for each in predictions
        )
    request = Request(
        repo=repo,
        issue=text,
        candidates=given,
        static=static,
        test=test,
        junit=junit,
        base=base,
        budget=budget,
        sandbox=sandbox,
        image=image,
        python=python,
        model=model,
        base_url=base_url,
        ask=ask,
    )
    work(request, settings, output, as_json=as_json, apply=apply)


@app.command("resume")
def resume_command(
    run: Annotated[
        str, typer.Argument(help="the id of an interrupted run or the beginning of it; `last` is the newest")
    ],
    output: options.Output = None,
    as_json: options.AsJson = False,
    apply: options.Apply = False,
) -> None:
    """Go on with a run that was interrupted or killed: what was tried and found stays, the budget left is spent.

    The exit codes are those of `runoff resolve`.
    """
    settings = Settings()
    check_output(output)
    with Store.open(settings.state_dir) as store:
        record = Runs(store).reopen(run)
    work(Request.model_validate(record.request), settings, output, as_json=as_json, apply=apply, run_id=record.id)


@app.command("replay", epilog="Exit code: 0 the same calls and the same patch, 1 not so, 2 bad input, 130 interrupted.")
def replay_command(
    run: Annotated[
        str,
        typer.Argument(
            help="a run with a model: its id or the beginning of it; `last` is the newest that is no replay itself"
        ),
    ],
    output: options.Output = None,
) -> None:
    """Run a model's run again from the record of its calls, without a server, and say where it takes another way.

    Everything but the model is real: the same commit, sandboxes, tests, selection.
    """
    from agents.replayed import calls, divergences, find_run, replay_request

    settings = Settings()
    check_output(output)
    with Store.open(settings.state_dir) as store:
        first = find_run(Runs(store), run)
        request = replay_request(first, store, settings)
    outcome, unwritten = engine(request, settings, output, None)
    if unwritten:
        print(f"runoff: {unwritten}", file=sys.stderr)
    with Store.open(settings.state_dir) as store:
        elsewhere = divergences(store, first.id, outcome.run_id)
        answered = calls(store, outcome.run_id)
    for line in elsewhere:
        print(plain(f"diverged at {line}"))
    was = (first.verdict or {}).get("winner")
    now = outcome.verdict.winner
    same = now == was
    ended = f"patch {now} won" if now else "no patch won"
    print(f"replayed {answered} calls of run {first.id}; {ended}, {'as' if same else 'not as'} then")
    if outcome.interrupted:
        sys.exit(INTERRUPTED)
    sys.exit(UNRESOLVED if elsewhere or not same else RESOLVED)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="a run's id or the beginning of it; `last` is the newest")],
    as_json: Annotated[bool, typer.Option("--json", help="print the verdict as JSON")] = False,
    journal: Annotated[bool, typer.Option("--journal", help="print the run's events, one JSON object a line")] = False,
) -> None:
    """Show how a run ended: the verdict, the candidates, the diff and the bill."""
    with Store.open(Settings().state_dir) as store:
        record = Runs(store).find(run)
        if journal:
            for event in Journal(store, record.id).events():
                print(event.as_json())
        elif record.verdict is None:
            report.show_without_verdict(record, bill_of(Journal(store, record.id).events()))
        else:
            verdict = Verdict.model_validate(record.verdict["verdict"])
            if as_json:
                print(json.dumps(verdict.model_dump(mode="json"), indent=2))
            else:
                digest = record.verdict["patch_digest"]
                patch = store.files.get(digest) if digest else b""
                report.show_verdict(verdict, patch, run_id=record.id)
                events = Journal(store, record.id).events()
                report.show_decisions([event.data for event in events if event.kind == "decision"])


app.command("plan")(plan_command)


@app.command()
def runs(limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="how many, the newest first")] = 20) -> None:
    """List the runs."""
    with Store.open(Settings().state_dir) as store:
        report.show_runs(Runs(store).list(limit))


@app.command()
def doctor() -> None:
    """Say what is installed, which sandbox would be used, and what to do about what is missing.

    Exit code 1 when no run could start.
    """
    from agents.doctor import examine

    findings = asyncio.run(examine(Settings()))
    report.show_findings(findings)
    sys.exit(0 if all(finding.ok for finding in findings if finding.needed) else 1)


@app.command("cleanup")
def cleanup_command() -> None:
    """Remove what crashed runs left behind (containers, mounts, workspaces) and checkouts that no run needs."""
    removed = asyncio.run(cleanup(Settings().state_dir))
    for line in removed:
        print(plain(line))
    print(f"{len(removed)} removed" if removed else "nothing to remove")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="another address than loopback needs RUNOFF_TOKEN to be set")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
) -> None:
    """Serve runs over REST: POST /v1/runs, GET /v1/runs/{id}, GET /v1/runs/{id}/events. API pages under /docs.

    Callers send the token of RUNOFF_TOKEN as `Authorization: Bearer TOKEN`; without that variable one is made and printed.
    They may choose no interpreter and no image but those of the settings (RUNOFF_PYTHON, RUNOFF_IMAGE, RUNOFF_IMAGES).
    """
    import uvicorn

    from api.service import create_app

    token = os.environ.get("RUNOFF_TOKEN") or None
    loopback = host in ("127.0.0.1", "localhost", "::1")
    if not loopback and token is None:
        raise typer.BadParameter(
            "set RUNOFF_TOKEN before serving on an address that others can reach", param_hint="--host"
        )
    settings = Settings()
    if token is None:
        token = secrets.token_urlsafe(24)
        print(f"callers send: Authorization: Bearer {token}", file=sys.stderr, flush=True)
    app = create_app(settings, token=token, hosts=None if loopback else ["*"])
    uvicorn.run(app, host=host, port=port, log_level="info", timeout_graceful_shutdown=10)


def _free_standard_input(issue: str, *, ask: bool) -> None:
    if ask and issue == "-":
        raise typer.BadParameter("standard input holds the issue; give its text or a file", param_hint="--ask")
