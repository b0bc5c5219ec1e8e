"""The root graph: how a Run goes from a Request to a Verdict.

    prepare -> localise -> wave -> ballots -> decide -> wave | questions ->
    written_tests -> comparisons -> finish

A checkpoint holds plain data: how many proposals were tried and what was found. What a process holds open (sandboxes,
sessions) is in the LiveRun, which `prepare` and `localise` make anew when a Run is resumed. However a Run ends, by its
budget, an interrupt, an error or in order, the best Verdict so far comes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agents.allocate import first_wave, next_wave, used_up
from agents.checkpoints import checkpoints
from agents.evidence import Evidence
from agents.firstplan import run_first_plan
from agents.found import check, keep, rank, recall
from agents.held import held
from agents.live import LiveRun, live_run
from agents.modelplan import run_model_plan
from agents.models.account import failed_calls
from agents.models.load import secrets
from agents.policy import Found, Ranked, Wave
from agents.questions import Asker
from agents.repeat import repeat_winner
from agents.reproductions import tests_of
from agents.request import Request
from agents.runoff import comparisons, questions, restore, written_tests
from agents.settings import Settings
from agents.suite import recall_ballots, run_suite
from memory import (
    OPENED,
    SEARCH,
    SELECTION,
    Amounts,
    Budget,
    Event,
    Journal,
    LimitExceeded,
    Runs,
    Store,
    StoreUnusable,
    open_teller,
)
from selection import Verdict

WAVE_S = 10.0
REPORT_S = 0.5  # between two events of progress


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a Run ended. patch: the winner's, in git's format; empty without one."""

    run_id: str
    verdict: Verdict
    patch: bytes
    interrupted: bool


class State(TypedDict, total=False):
    """What a checkpoint holds. found: one row for each plausible candidate (see `keep`). tried: proposals drawn. deepened:
    those that went on after they were cut short. samples, what, deepen: the next wave; samples is 0 once no other is wanted,
    and None between a wave and the decision about the next."""

    tried: int
    deepened: list[int]
    samples: int | None
    what: str
    deepen: list[int]
    search_s: float
    found: list[dict[str, Any]]
    exhausted: bool
    step: str
    stopped: str


async def resolve(
    request: Request,
    settings: Settings,
    store: Store,
    *,
    run_id: str | None = None,
    stop: asyncio.Event | None = None,
    on_event: Callable[[Event], None] | None = None,
    ask: Asker | None = None,
) -> Outcome:
    """Resolve one Issue. `run_id`: a Run that was created before, or an interrupted one that goes on where it was.
    `ask`: a person who may know which of several results is right.

    Raises what bad input raises (AgentError, WorkspaceError), after it was journaled; where the search had begun, the
    Run can then go on. An error after a candidate was found ends the Run with the best so far, as setting `stop` does.
    """
    request = request.complete(settings)
    settings = request.shaped(settings)
    budget = Budget.parse(request.budget or settings.budget)  # before anything is written down
    run_id = run_id or Runs(store).create(request.model_dump(mode="json"))
    journal = Journal(store, run_id)
    if on_event is not None:
        journal.on_event(on_event)
    goes_on = journal.last(OPENED) is not None
    journal.append(OPENED, {"run": run_id, "repo": str(request.repo)})
    evidence = Evidence(command=request.test or "")
    async with AsyncExitStack() as opened:
        try:
            ledger = await opened.enter_async_context(
                open_teller(
                    store,
                    run_id,
                    budget,
                    url=settings.ledger,
                    wait_s=settings.ledger_s,
                    wall_used_s=journal.worked_s(),
                )
            )
            async with live_run(run_id, request, settings, store, journal, ledger, evidence) as live:
                live.person = ask
                why, interrupted = await _until_stopped(_walk(live), stop, ledger.wall_left_s(SEARCH))
                if not interrupted:
                    await _gather_late(live)
        except Exception as error:
            said = secrets(settings).clean(" ".join(str(error).split()) or repr(error))
            if not evidence.candidates:
                can_go_on = goes_on or journal.last("localised") is not None
                journal.append("run.interrupted" if can_go_on else "run.failed", {"run": run_id, "error": said})
                if not can_go_on:
                    await _forget(settings, run_id)
                raise
            journal.append("note", {"text": f"ended by an error: {said}"})
            why, interrupted = f"an error ended the search: {said}", False
        except BaseException:
            journal.append("run.interrupted", {})
            raise
        bill = await ledger.final_bill()
        verdict = evidence.verdict(stopped=why, bill=bill, notes=failed_calls(journal), interrupted=interrupted)
    winner = evidence.candidates.get(verdict.winner or "")
    patch = winner.patch if winner else b""
    digest = store.files.put(patch) if winner else None
    journal.append(
        "verdict",
        {"winner": verdict.winner, "patch_digest": digest, "verdict": verdict.model_dump(mode="json")},
    )
    journal.append("run.interrupted" if interrupted else "run.finished", {})
    if not interrupted:
        await _forget(settings, run_id)
    return Outcome(run_id, verdict, patch, interrupted)


async def _until_stopped(work: Awaitable[str], stop: asyncio.Event | None, limit_s: float) -> tuple[str, bool]:
    """Why the work ended, and whether somebody stopped it; work that is over time or stopped has cleaned up before."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future((stop or asyncio.Event()).wait())
    timeout = None if math.isinf(limit_s) else max(0.0, limit_s)
    try:
        await asyncio.wait({working, stopping}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result(), False
        return ("interrupted", True) if stopping.done() else ("the time is used up", False)
    except LimitExceeded as limit:
        return str(limit), False
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _gather_late(live: LiveRun) -> None:
    """What speaks for candidates that were found just before the search ended, or that the runoff put first, as far as
    selection's share allows."""
    with contextlib.suppress(LimitExceeded, TimeoutError):
        async with asyncio.timeout(max(0.0, live.ledger.wall_left_s(SELECTION)) if live.ledger.budget.wall_s else None):
            await _gather(live)


async def _walk(live: LiveRun) -> str:
    """Walk the graph to its end; returns why no more was tried."""
    with checkpoints(live.settings.state_dir) as saver:
        graph = _graph().compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": live.id}, "recursion_limit": 10_000}
        state = await graph.ainvoke({"step": "prepare"}, config, context=live, durability="sync")
        return str(state["stopped"])


async def _forget(settings: Settings, run_id: str) -> None:
    """Drop the checkpoints of a Run that has ended, however it did: the Journal has all of it."""
    # the Run's outcome does not depend on it
    with contextlib.suppress(StoreUnusable), checkpoints(settings.state_dir) as saver:
        for number in range(settings.trajectories + 1):
            saver.delete_thread(f"{run_id}/{number}" if number else run_id)


def _graph() -> StateGraph[State, LiveRun, State, State]:
    graph = StateGraph(State, context_schema=LiveRun)
    for node in (prepare, localise, wave, ballots, decide, questions, written_tests, comparisons, finish):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "localise")
    graph.add_edge("localise", "wave")
    graph.add_edge("wave", "ballots")
    graph.add_edge("ballots", "decide")
    graph.add_conditional_edges("decide", lambda state: state["step"], ["wave", "questions"])
    graph.add_edge("questions", "written_tests")
    graph.add_edge("written_tests", "comparisons")
    graph.add_edge("comparisons", "finish")
    graph.add_edge("finish", END)
    return graph


async def prepare(state: State, runtime: Runtime[LiveRun]) -> State:
    """Look at the repository and find a sandbox."""
    await runtime.context.open()
    return {}


async def localise(state: State, runtime: Runtime[LiveRun]) -> State:
    """The Run's first plan: checkout, base run, coverage, suspects; then what an earlier process found, if one did."""
    live = runtime.context
    async with held(live, "localise"):
        if live.request.repairs:
            await run_first_plan(live, tried=state.get("tried", 0))
        else:
            await run_model_plan(live, tried=state.get("tried", 0), deepened=state.get("deepened", []))
    for note in live.evidence.notes():
        live.journal.append("note", {"text": note})
    live.evidence.candidates |= {row["id"]: recall(live, row) for row in state.get("found", [])}
    recall_ballots(live)
    await restore(live)
    return {}


async def wave(state: State, runtime: Runtime[LiveRun]) -> State:
    """Let the policy try candidates on all workers, for a while."""
    live, policy = runtime.context, runtime.context.policy
    assert policy is not None
    samples = state.get("samples", first_wave(live))
    if not samples:
        return {}  # an earlier process went further than this
    found, search_s = list(state.get("found", [])), state.get("search_s", 0.0)
    tries = int(min(samples, await live.ledger.left("candidates", SEARCH)))
    started = reported = time.monotonic()
    async with held(live, SEARCH, Amounts(candidates=tries)) as stage:
        wall_s = min(WAVE_S, live.ledger.wall_left_s(SEARCH), stage.room_s / 2)
        asked = Wave(tries, state.get("what", ""), tuple(state.get("deepen", ())))
        async with aclosing(policy.wave(asked, wall_s=wall_s)) as events:
            async for event in events:
                now = time.monotonic()
                if isinstance(event, Ranked):
                    rank(live, found, event)
                    continue
                stage.candidates += event.executions
                if isinstance(event, Found):
                    await asyncio.to_thread(check, live, event.candidate)
                    found.append(keep(live, event, search_s + now - started))
                if isinstance(event, Found) or now - reported > REPORT_S:
                    reported = now
                    _report(live, policy.drawn, found, search_s + now - started)
    search_s += time.monotonic() - started
    _report(live, policy.drawn, found, search_s)
    return {
        "tried": policy.drawn,
        "deepened": list(policy.deepened),
        "samples": None,
        "search_s": search_s,
        "found": found,
        "exhausted": not policy.offers(),
    }


async def ballots(state: State, runtime: Runtime[LiveRun]) -> State:
    """Let tests and documented examples vote, and compare behaviours, where there are new classes."""
    live = runtime.context
    if not (live.request.candidates and await _reads_on(live)):
        await _gather(live)
    return {}


async def _reads_on(live: LiveRun) -> bool:
    """Given patches are read before the first is tested, so that the likeliest are; but for no more than half of the time."""
    assert live.policy is not None
    in_time = live.ledger.wall_left_s(SEARCH) > live.ledger.budget.limit("wall_s") / 2
    return (in_time or live.ledger.budget.wall_s is None) and bool(live.policy.offers()) and await used_up(live) is None


async def _gather(live: LiveRun) -> None:
    if live.evidence.base is None:
        return
    evidence = live.evidence
    async with held(live, SELECTION) as stage:
        fell = True
        while fell:
            room_s = min(stage.room_s, live.ledger.wall_left_s(SELECTION))
            await run_suite(live, room_s)
            if live.workers:
                await evidence.gather(live.workers[0])
                written = [file for candidate in evidence.candidates.values() for file in tests_of(candidate)]
                await evidence.reproductions.add(live, written, evidence.eligible())
            fell = await repeat_winner(live, room_s)


async def decide(state: State, runtime: Runtime[LiveRun]) -> State:
    """Another wave, or the end."""
    live = runtime.context
    assert live.policy is not None
    decision = await next_wave(
        live,
        found=state["found"],
        elapsed_s=state["search_s"],
        exhausted=state["exhausted"],
    )
    step = "questions" if decision.action == "stop" else "wave"
    return {
        "step": step,
        "samples": decision.samples,
        "what": decision.what,
        "deepen": list(live.policy.cut[: decision.samples]) if decision.action == "deepen" else [],
        "stopped": decision.why,
    }


async def finish(state: State, runtime: Runtime[LiveRun]) -> State:
    """Nothing is left to do: the Verdict is put into words once everything is closed."""
    return {}


def _report(live: LiveRun, tried: int, found: list[dict[str, Any]], elapsed_s: float) -> None:
    data = {"tried": tried, "plausible": len(found), "elapsed_s": round(elapsed_s, 2)}
    live.journal.append("progress", data)
