"""`runoff model …`: serve a model with vLLM, and find out what an endpoint can do."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.errors import ModelError
from agents.settings import Settings
from api import report

if TYPE_CHECKING:
    from agents.findings import Finding
    from agents.models.endpoint import Endpoint, Facts
    from agents.models.metrics import ServerLoad
    from agents.models.serve import Server, Serving

app = typer.Typer(
    help="Serve a language model with vLLM, or find out what a server can do.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_STEP_S = 10.0  # between two lines of progress where no terminal reads


@app.command("serve", epilog="Exit code: 0 when you stopped it, 1 when the server died, 2 when it could not start.")
def serve_command(
    model: Annotated[str, typer.Argument(help="a model's name on the hub, or its directory")],
    flags: Annotated[list[str] | None, typer.Argument(help="more flags for `vllm serve`, after --")] = None,
    vllm: Annotated[
        Path | None, typer.Option(help="the vllm program, or the environment that it is in [default: from PATH]")
    ] = None,
    host: Annotated[str, typer.Option(help="where it listens")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    log: Annotated[
        Path | None, typer.Option(help="its log [default: logs/vllm-PORT.log of the state directory]")
    ] = None,
    ready: Annotated[float, typer.Option(min=1, help="how many seconds it may take until it is ready")] = 3600,
) -> None:
    """Start a vLLM server with the flags that Runoff's work wants, and stop it with Ctrl-C.

    The flags and their reasons are in docs/vllm.md; those that you give after -- go before them.
    """
    from agents.models.serve import Serving, find_vllm

    settings = Settings()
    serving = Serving(
        model=model,
        program=find_vllm(vllm or settings.vllm),
        log=log or settings.state_dir / "logs" / f"vllm-{port}.log",
        host=host,
        port=port,
        flags=flags or (),
        ready_s=ready,
    )
    sys.exit(asyncio.run(_serve(serving)))


@app.command("check", epilog="Exit code: 0 when the model can be used, 1 when it cannot.")
def check_command(
    base_url: Annotated[
        str | None, typer.Option(help="the endpoint [default: OPENAI_BASE_URL, else http://127.0.0.1:8000/v1]")
    ] = None,
    model: Annotated[str | None, typer.Option(help="the model [default: the only one that it has]")] = None,
) -> None:
    """Find out what an endpoint can do: a dozen short calls, and what to change about what it cannot.

    The key, if it wants one, comes from OPENAI_API_KEY.
    """
    from agents.models.load import endpoints

    settings = Settings()
    found = [asyncio.run(_check(each)) for each in endpoints(model or settings.model or "", settings, base_url)]
    for findings in found:
        report.show_findings(findings)
    sys.exit(0 if all(finding.ok for findings in found for finding in findings if finding.needed) else 1)


async def _check(endpoint: Endpoint) -> list[Finding]:
    from agents.models.check import check

    try:
        return [finding async for finding in check(endpoint)]
    finally:
        await endpoint.close()


async def _serve(serving: Serving) -> int:
    """Serve until a signal comes or the server dies."""
    from agents.models.serve import serve

    errors = report.console(stderr=True)
    errors.print(f"starting: {' '.join(serving.command)}\nlog: {serving.log}", soft_wrap=True, markup=False)
    stop = _interrupted()
    task = asyncio.current_task()
    assert task is not None
    stop.add_done_callback(lambda _: task.cancel())
    shown_at = 0.0

    def progress(seconds: float, line: str) -> None:
        nonlocal shown_at
        status.update(f"{seconds:.0f} s: {line[-100:]}")
        if not errors.is_terminal and seconds - shown_at >= _STEP_S:
            shown_at = seconds
            errors.print(f"{seconds:.0f} s: {line}", soft_wrap=True, markup=False)

    try:
        with errors.status("starting") as status:
            async with serve(serving, progress) as server:
                status.stop()
                await _announce(server)
                code = await server.ended()
                errors.print(f"the server died with status {code}; its last lines:\n{server.log_tail()}", markup=False)
                return 1
    except asyncio.CancelledError:
        if not stop.done():
            raise
        task.uncancel()
        errors.print("stopped")
        return 0


async def _announce(server: Server) -> None:
    """Say that it is ready, and how to use it; a server that wants a key which nobody gave here is as good as any."""
    where, name, known, unknown = server.serving.base_url, server.serving.model, "", ""
    try:
        facts, load = await _learn(server)
        name, context = next(iter((facts.models or {}).items()), (name, None))
        cache = f", KV cache {load.kv_tokens} tokens" if load and load.kv_tokens else ""
        known = f", context {context} tokens{cache}"
    except ModelError as error:
        unknown = f"it does not say what it holds: {error}\n"
    print(f"ready: {where}, model {name}{known}\n{unknown}", end="")
    print(f"use it: runoff resolve REPO --issue FILE --model {name} --base-url {where}")
    print("stop it: Ctrl-C", flush=True)


async def _learn(server: Server) -> tuple[Facts, ServerLoad | None]:
    """What it holds. Raises ModelError."""
    from agents.models.endpoint import Endpoint
    from agents.models.load import key
    from agents.models.metrics import read_load

    endpoint = Endpoint(server.serving.base_url, server.serving.model, key=key())
    try:
        return await endpoint.learn(), await read_load(endpoint)
    finally:
        await endpoint.close()


def _interrupted() -> asyncio.Future[None]:
    """Done at the first Ctrl-C or SIGTERM; a second one ends this process, and the server gets SIGTERM by that."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def once() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        if not stop.done():
            stop.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, once)
    return stop
