"""The host's end of one harness process: start it, send a request, read what it says, end it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from agents.errors import HarnessFailed
from agents.testrun.protocol import End, Message, Outcome, read
from workspaces.errors import SandboxDied, WorkspaceError
from workspaces.sandbox.contract import Process, Sandbox

LINE_LIMIT = 1 << 20


class Channel:
    """Not for several requests at once. After any exception it is closed, and the next use needs a new one."""

    def __init__(self, process: Process, stack: AsyncExitStack) -> None:
        self._process = process
        self._stack = stack
        self._lines = process.lines()
        self._next_id = 1

    @classmethod
    async def open(cls, sandbox: Sandbox, argv: Sequence[str], env: Mapping[str, str]) -> Channel:
        stack = AsyncExitStack()
        process = await stack.enter_async_context(sandbox.open(argv, env=env, output_limit=LINE_LIMIT))
        return cls(process, stack)

    async def message(self, timeout_s: float) -> Message:
        """The next thing it says. Raises HarnessFailed when it ends, is late, or speaks nonsense; SandboxDied."""
        try:
            async with asyncio.timeout(timeout_s):
                line = await anext(self._lines)
        except TimeoutError as error:
            raise HarnessFailed(f"the test harness said nothing for {timeout_s:.0f} s") from error
        except StopAsyncIteration as error:
            raise HarnessFailed(await self._epitaph()) from error
        except SandboxDied:
            raise
        except WorkspaceError as error:
            raise HarnessFailed(f"the sandbox of the test harness failed: {error}") from error
        return read(line)

    async def request(
        self, op: str, units: Sequence[Mapping[str, Any]], **fields: Any
    ) -> AsyncGenerator[Outcome | End]:
        """Send one request; yield each unit's outcome, and last the End."""
        number = self._next_id
        self._next_id += 1
        data = json.dumps({"id": number, "op": op, "units": list(units), **fields}).encode() + b"\n"
        try:
            await self._process.write(data)
        except BrokenPipeError as error:
            raise HarnessFailed(await self._epitaph()) from error
        pending = [unit["unit"] for unit in units]
        prepare_s = float(fields["prepare_wall_s"])
        while True:
            # twice, and some: the harness keeps the limits, this is for a harness that is stuck
            wait_s = 2 * (prepare_s + max((unit["wall_s"] for unit in units[-len(pending) :]), default=0.0)) + 10
            message = await self.message(wait_s)
            if isinstance(message, Outcome) and message.id == number and pending and message.unit == pending[0]:
                pending.pop(0)
                yield message
            elif isinstance(message, End) and message.id == number:
                yield message
                return
            else:
                raise HarnessFailed("the test harness answered something that it was not asked")

    async def _epitaph(self) -> str:
        """Why the process is gone, in its own last words."""
        try:
            async with asyncio.timeout(5):
                result = await self._process.wait()
        except (TimeoutError, WorkspaceError) as error:
            return f"the test harness is gone ({error or 'no answer'})"
        words = result.stderr.decode("utf-8", "replace").strip()[-500:]
        return f"the test harness ended with exit code {result.exit_code}: {words or 'no message'}"

    async def close(self) -> None:
        await self._stack.aclose()
