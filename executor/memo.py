"""The memo: results of pure Calls by (version of what they read, tool, arguments), shared between trajectories and
runs.

Two that ask for the same at once share one execution. Results are kept as JSON bytes, so that nobody can change what
another one gets, in memory up to a number of bytes, and below that in whatever keeps bytes by key (`memory.Cache` on
disk).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from planner import ToolSpec

Version = Callable[[Sequence[str]], Awaitable[str | None]]  # of the files below these paths, now; None: do not remember


class Shelf(Protocol):
    """Keeps bytes by key, and may forget them."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes) -> None: ...


class Memo:
    """most_bytes: of results in memory; the least recently used go first. shelf: where they are also kept, and looked
    for. salt: stands for what else results depend on (the versions of the tools, say).

    Only tools that promise the type of their result are remembered. A failure is not: whoever waited for it asks for
    himself.
    """

    def __init__(self, most_bytes: int = 64 << 20, shelf: Shelf | None = None, salt: str = "") -> None:
        self._most = most_bytes
        self._shelf = shelf
        self._salt = salt
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._pending: dict[str, asyncio.Future[bytes | None]] = {}
        self.size = 0  # bytes in memory
        self.hits = self.misses = self.shared = 0

    async def fetch(self, tool: ToolSpec, arguments: BaseModel, version: str, run: Callable[[], Awaitable[Any]]) -> Any:
        """The remembered result, or that of `run`. Raises what `run` raises."""
        assert tool.result is not None
        key = self._key(tool, arguments, version)
        found = await self._find(key)
        if found is not None:
            return tool.result.validate_json(found)
        pending = self._pending.get(key)
        if pending is not None:
            found = await asyncio.shield(pending)
            if found is not None:
                self.shared += 1
                return tool.result.validate_json(found)
            return await run()
        self.misses += 1
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._pending[key] = future
        found = None
        try:
            result = await run()
            found = _kept_form(tool.result, result)
        finally:
            del self._pending[key]
            future.set_result(found)
        if found is None:
            return result
        self._keep(key, found)
        if self._shelf is not None:
            await self._shelf.put(key, found)
        return result

    async def _find(self, key: str) -> bytes | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        elif self._shelf is not None and key not in self._pending:
            found = await self._shelf.get(key)
            if found is not None:
                self._keep(key, found)
            else:
                found = self._kept.get(key)  # made in the meantime
        self.hits += found is not None
        return found

    def _keep(self, key: str, value: bytes) -> None:
        self.size += len(value) - len(self._kept.pop(key, b""))
        self._kept[key] = value
        while self.size > self._most:
            _, forgotten = self._kept.popitem(last=False)
            self.size -= len(forgotten)

    def _key(self, tool: ToolSpec, arguments: BaseModel, version: str) -> str:
        text = "\0".join((self._salt, tool.name, version, json.dumps(arguments.model_dump(mode="json"))))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _kept_form(kind: TypeAdapter[Any], result: Any) -> bytes | None:
    """The result as it is kept; None when JSON does not give it back (half a surrogate pair, not a number)."""
    try:
        checked = kind.validate_python(result)
        found = kind.dump_json(checked)
        return found if kind.validate_json(found) == checked else None
    except (ValidationError, PydanticSerializationError):
        return None
