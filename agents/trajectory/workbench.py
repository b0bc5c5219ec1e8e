"""What one trajectory holds open: a workspace, a sandbox on it, the tools and the scheduler that calls them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agents.models import Model, ModelRequest, Place, Secrets, Weighed
from agents.planned import PLANNED
from agents.tools import OWN, SPECS, Definitions, Notes, TestRunner, Toolbox
from agents.trajectory.prompt import Form, Prefix
from agents.trajectory.said import Said
from agents.trajectory.stops import Limits, Step
from executor import Execution, Memo, Scheduler, Slots, Tool
from memory import SEARCH, Journal, Store
from planner import Call, Effects, Plan, ToolSpec, explain, grammar, openai_tools
from workspaces import Checkout, Sandbox, Workspace, Workspaces, patched_files

Start = Callable[[Workspace], Awaitable[Sandbox]]
Tests = Callable[[Sandbox], TestRunner]
TURN = "trajectory.turn"  # the Journal's event
_TOLD = 200  # characters of a statement there
PLAN_S = 1800.0  # seconds that one plan may take
_BYTES_PER_TOKEN = 3.0  # when nobody has counted yet
_SHORT = 300  # tokens of an answer that has no room for a text without end; such a limit is too slow where it is high


@dataclass(frozen=True, slots=True)
class Shared:
    """What all trajectories of a Run share. start: a sandbox on a workspace; tests: how tests are run there; python:
    the sandbox's interpreter. answer_tokens: the most that one answer may have. temperature: for the first one;
    siblings get more. memo: what was looked up in the base commit is not looked up again. secrets: what the Journal must
    not hold of a model's texts."""

    checkout: Checkout
    workspaces: Workspaces
    start: Start
    tests: Tests
    python: str
    model: Model
    prefix: Prefix
    journal: Journal
    store: Store
    run_id: str
    issue_key: str
    slots: Slots = field(default_factory=Slots)
    definitions: Definitions = field(default_factory=Definitions)
    form: Form = "text"
    limits: Limits = field(default_factory=Limits)
    answer_tokens: int = 4096
    temperature: float = 0.0
    memo: Memo | None = None
    secrets: Secrets = field(default_factory=Secrets)


@dataclass(eq=False)
class Workbench:
    """Made by `open_workbench`, for one trajectory (`number`, from 1). goes_on: after a limit of rounds or turns
    had cut it."""

    shared: Shared
    number: int
    goes_on: bool = False
    place: Place | None = None
    specs: Sequence[ToolSpec] = SPECS
    notes: Notes = field(default_factory=Notes)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _workspace: Workspace | None = None
    _scheduler: Scheduler | None = None
    _plans: int = 0
    _asked: Weighed | None = None  # the messages of the last question
    _is_base: bool = True  # nothing has run yet that may change a file
    _patch: str | None = None  # digest of the diff, while nothing has run since that may change a file
    _touched: tuple[str, Mapping[str, bool]] = field(default=("", {}))  # a diff's digest, and its paths
    _programs: bool = False  # a program has run; it may have left another one behind, which goes on

    @property
    def name(self) -> str:
        return str(self.number)

    @property
    def thread(self) -> str:
        """Its name among the checkpoints."""
        return f"{self.shared.run_id}/{self.number}"

    @property
    def model(self) -> Model:
        return self.shared.model

    @property
    def prefix(self) -> Prefix:
        return self.shared.prefix

    @property
    def form(self) -> Form:
        return self.shared.form

    @property
    def limits(self) -> Limits:
        return self.shared.limits.twice if self.goes_on else self.shared.limits

    # -- the workspace --

    async def restore(self, patch: str, notes: Mapping[str, str] | None = None) -> None:
        """A new workspace with this diff (a digest, or "" for the base commit), and a new sandbox on it."""
        await self.close()
        shared = self.shared
        if notes is not None:
            self.notes = Notes(notes)
        self._workspace = await shared.workspaces.create(shared.checkout, self.stored(patch))
        self._stack.push_async_callback(self._workspace.close)
        sandbox = await shared.start(self._workspace)
        self._stack.push_async_callback(sandbox.close)
        toolbox = Toolbox(
            sandbox,
            self._workspace,
            shared.tests(sandbox),
            notes=self.notes,
            store=shared.store.files,
            python=shared.python,
            definitions=shared.definitions,
        )
        self._is_base, self._patch, self._programs = not patch, patch, False
        self._scheduler = Scheduler(
            {
                **toolbox.tools,
                **{spec.name: self._changing(spec, toolbox.tools[spec.name]) for spec in self._changes()},
            },
            slots=shared.slots,
            owner=self.thread,
            timeout_s=PLAN_S,
            memo=shared.memo,
            version=self._version,
            listener=self._tell_call,
        )

    def _changes(self) -> Iterator[ToolSpec]:
        """The tools that may change a file."""
        for spec in self.specs:
            effects = spec.effects({})
            if _runs_programs(effects) or not all(_is_own(path) for path in effects.writes):
                yield spec

    def _changing(self, spec: ToolSpec, tool: Tool) -> Tool:
        programs = _runs_programs(spec.effects({}))

        async def call(asked: Any) -> Any:
            self._is_base, self._patch = False, None
            self._programs = self._programs or programs
            try:
                return await tool(asked)
            finally:
                self._patch = None  # one that was given up may end after a diff was taken

        return call

    async def _version(self, paths: Sequence[str]) -> str | None:
        """The base commit as long as its files are untouched; what is the trajectory's own has no version."""
        return self.shared.checkout.commit if self._is_base and not any(map(_is_own, paths)) else None

    async def close(self) -> None:
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()

    async def patch(self) -> str:
        """Keep the workspace's diff; returns its digest, "" when nothing is changed.

        It is taken anew when something may have changed a file since the last time."""
        assert self._workspace is not None
        if self._patch is None or self._programs:
            found = await self._workspace.diff()
            self._patch = await asyncio.to_thread(self.shared.store.files.put, found.data) if found else ""
        return self._patch

    def stored(self, digest: str) -> bytes:
        """The diff of a digest."""
        return self.shared.store.files.get(digest) if digest else b""

    async def touched(self, digest: str) -> Mapping[str, bool]:
        """The paths of a diff, and whether each is new."""
        if digest != self._touched[0]:
            checkout = self.shared.checkout
            found = await asyncio.to_thread(patched_files, checkout, self.stored(digest)) if digest else {}
            self._touched = digest, {path: path not in checkout.entries for path in found}
        return self._touched[1]

    # -- the model --

    @cached_property
    def _tools(self) -> Weighed:
        return Weighed(openai_tools(self.specs) if self.form == "tools" else ())

    @cached_property
    def _grammar(self) -> str | None:
        if self.form != "grammar":
            return None
        room = self.shared.answer_tokens
        return grammar(self.specs, longest_text=room // 3 if room <= _SHORT else None)

    def request(self, history: Sequence[Mapping[str, Any]], step: int) -> ModelRequest:
        shared = self.shared
        self._asked = Weighed([*self.prefix.messages, *history], self._asked)
        return ModelRequest(
            self._asked,
            max_tokens=self._answer_tokens(self._asked.size + self._tools.size),
            stage=SEARCH,
            tools=self._tools,
            grammar=self._grammar,
            temperature=shared.temperature if self.number == 1 else max(shared.temperature, 0.7),
            issue=shared.issue_key,
            trajectory=self.name,
            step=step,
        )

    def has_room(self, said: Said) -> bool:
        """Whether another turn like the last ones fits into the model's context."""
        context = self.model.context_tokens
        observed = sum(len(outcome) for *_, outcome in said.results) / _BYTES_PER_TOKEN
        return context is None or said.prompt_tokens + observed + self._least_answer() < context

    def _answer_tokens(self, asked_bytes: int) -> int:
        context = self.model.context_tokens
        if context is None:
            return self.shared.answer_tokens
        left = context - int(asked_bytes / _BYTES_PER_TOKEN)
        return max(self._least_answer(), min(self.shared.answer_tokens, left))

    def _least_answer(self) -> int:
        return min(256, self.shared.answer_tokens)

    # -- plans --

    async def execute(self, plan: Plan | AsyncIterator[Call | Plan]) -> Execution:
        assert self._scheduler is not None
        self._plans += 1
        label = f"{self.name}.{self._plans}"
        if isinstance(plan, Plan):
            self._tell_plan(plan, label)
            return await self._scheduler.run(plan, timeout_s=PLAN_S, label=label)
        return await self._scheduler.run(self._telling(plan, label), timeout_s=PLAN_S, label=label)

    async def _telling(self, stream: AsyncIterator[Call | Plan], label: str) -> AsyncIterator[Call | Plan]:
        async for item in stream:
            if isinstance(item, Plan):
                self._tell_plan(item, label)
            yield item

    def _tell_plan(self, plan: Plan, label: str) -> None:
        """The plan's event in the Journal."""
        told = explain(plan).model_dump(mode="json")
        for call in told["calls"]:
            call["text"] = self.shared.secrets.clean(call["text"])[:_TOLD]
        told["end"] = self.shared.secrets.clean(told["end"])[:_TOLD]
        self.shared.journal.append(PLANNED, {"plan": label, "explanation": told})

    def begins(self) -> None:
        """The first token of an answer has come."""
        if self.place is not None:
            self.place.begins()

    def _tell_call(self, kind: str, data: dict[str, Any]) -> None:
        """A call's event in the Journal; its error may hold the model's words."""
        error = {"error": self.shared.secrets.clean(data["error"])} if "error" in data else {}
        self.shared.journal.append(kind, data | error)

    def tell_turn(self, said: Said, patch: str, step: Step) -> None:
        """The turn's event in the Journal; and to whoever admits trajectories, how large this one is."""
        if self.place is not None:
            self.place.uses(said.prompt_tokens)
        clean = self.shared.secrets.clean
        self.shared.journal.append(
            TURN,
            {
                "trajectory": self.name,
                "plan": clean(said.plan_text)[:2000],
                "faults": clean(said.faults)[:500],
                "patch": patch,
                "tested": [
                    {"ok": each.ok, "failed": len(each.failures), "passed": len(each.passes)} for each in said.tests
                ],
                "next": step.next,
                "why": clean(step.why),
            },
        )


def _runs_programs(effects: Effects) -> bool:
    return effects.exclusive or effects.volatile


def _is_own(path: str) -> bool:
    return path == OWN or path.startswith(f"{OWN}/")


@asynccontextmanager
async def open_workbench(shared: Shared, number: int, *, goes_on: bool = False) -> AsyncIterator[Workbench]:
    """A workbench on the base commit; on leaving, its sandbox and workspace are gone."""
    bench = Workbench(shared, number, goes_on=goes_on)
    try:
        await bench.restore("")
        yield bench
    finally:
        await bench.close()
