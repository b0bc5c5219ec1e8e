"""The scheduler: runs Calls, each in the instant in which its last dependency has ended and a slot of its resource is
free.

It is driven by events alone: the end of a Call starts what waited for it; nothing polls or sleeps. It takes a Plan, or
a stream of Calls that are still being written. The contract:

- A Call that raises, does not fit its arguments or returns what its tool does not promise is `failed` and holds the
  error. The Calls that use its result, directly or not, are `skipped` and name it. Everything else goes on; a Call that
  only had to come after a failed one runs, as it would in a program that goes on after an error.
- A Call whose time is over is cancelled, and `failed` with CallTimeout when its clean-up has ended. When the plan's
  time is over, what runs is treated so, and the rest is `skipped`. A tool that does not end when it is cancelled is
  cancelled again; after GRACE_S seconds its Call is given up, and keeps its slot until the tool ends.
- Cancelling `run` cancels what runs, awaits its clean-up and tells its end as `cancelled`. No task outlives `run`,
  except one that was given up.
- What is no fault of a Call (the listener fails, say) ends the plan in the same way and is raised from `run`.
- Results go into dependants as they are: a tool must not change its arguments.
- A Call's end goes on, in the same task, with the first Call that it let go: a new task costs time. A task that was
  cancelled is not used again.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Hashable, Mapping
from typing import Any

from executor.execution import Execution
from executor.hedge import Hedge
from executor.memo import Memo, Version
from executor.planrun import PlanRun
from executor.slots import Slots
from planner import Call, Plan

Tool = Callable[[Any], Awaitable[Any]]  # takes the tool's validated argument model
Listener = Callable[[str, dict[str, Any]], object]


def _nobody(kind: str, data: dict[str, Any]) -> None:
    """The listener when there is none."""


class Scheduler:
    """Runs plans with one set of tools; several at once, if you like.

    slots: limits that it shares with other schedulers. owner: on whose behalf, for fair shares of them. timeout_s:
    seconds for a Call whose tool says nothing. memo, version: results of pure Calls are remembered, by the version of
    what they read. hedge: pure Calls that take long are started twice. listener: is told of every Call's start and end.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        *,
        slots: Slots | None = None,
        owner: Hashable = None,
        timeout_s: float | None = None,
        memo: Memo | None = None,
        version: Version | None = None,
        hedge: Hedge | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.tools = tools
        self.slots = slots or Slots()
        self.owner = self if owner is None else owner
        self.timeout_s = timeout_s
        self.memo = memo if version is not None else None
        self.version = version
        self.hedge = hedge
        self.listener = listener or _nobody

    async def run(
        self, plan: Plan | AsyncIterable[Call | Plan], *, timeout_s: float | None = None, label: str = ""
    ) -> Execution:
        """Run all Calls to their end, at most `timeout_s` seconds. Raises nothing that a Call raises: the Execution
        holds it.

        A stream gives Calls in the order of the text, and last, if it comes so far, the whole Plan (which ranks what
        still waits for a slot). label: stands in every event, to tell plans apart.
        """
        run = PlanRun(self, label)
        try:
            return await run.through(plan, timeout_s)
        finally:
            await run.close()
