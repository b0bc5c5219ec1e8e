"""The memo: results of pure Calls by (version of what they read, tool, arguments), shared between trajectories and
runs.

Two that ask for the same at once share one execution. Results are kept as JSON bytes, so that nobody can change what
another one gets, in memory up to a number of bytes, and below that in whatever keeps bytes by key (`memory.Cache` on
disk).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from planner import ToolSpec

_log = logging.getLogger(__name__)
Version = Callable[[Sequence[str]], Awaitable[str | None]]  # of the files below these paths, now; None: do not remember


class Shelf(Protocol):
    """Keeps bytes by key, and may forget them."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes) -> None: ...


class Memo:
    """most_bytes: of results in memory; the least recently used go first. shelf: where they are also kept, and looked
    for. salt: stands for what else results depend on (the versions of the tools, say).

    Only tools that promise the type of their result are remembered. A failure is not: whoever waited for it asks for
    himself. Where the one who was asked first is cancelled, the next one takes its place. A shelf that fails, or has what
    cannot be read, has nothing.
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
        if key is None:
            return await run()
        while True:
            known = _read(tool, await self._find(key))
            if known is not None:
                self.hits += 1
                return known[0]
            pending = self._pending.get(key)
            if pending is None:
                self.misses += 1
                return await self._lead(key, tool.result, run)
            found = await asyncio.shield(pending)
            known = _read(tool, found)
            if known is not None:
                self.shared += 1
                return known[0]
            if found is not None:  # it failed, or cannot be kept
                result = await run()
                await self._remember(key, _kept_form(tool.result, result))
                return result

    async def _lead(self, key: str, kind: TypeAdapter[Any], run: Callable[[], Awaitable[Any]]) -> Any:
        """Run while others wait. They get the result, nothing when there is none for them, and None when one of them must
        take it on."""
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._pending[key] = future
        found: bytes | None = b""
        try:
            result = await run()
            found = _kept_form(kind, result)
        except asyncio.CancelledError:
            found = None
            raise
        finally:
            del self._pending[key]
            future.set_result(found)
        await self._remember(key, found)
        return result

    async def _find(self, key: str) -> bytes | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        elif self._shelf is not None and key not in self._pending:
            try:
                found = await self._shelf.get(key)
            except Exception:  # noqa: BLE001 (whatever a shelf raises)
                _log.warning("a remembered result could not be looked for; its Call runs", exc_info=True)
            if found is not None:
                self._keep(key, found)
            else:
                found = self._kept.get(key)  # made in the meantime
        return found

    async def _remember(self, key: str, found: bytes) -> None:
        if not found:
            return
        self._keep(key, found)
        if self._shelf is not None:
            try:
                await self._shelf.put(key, found)
            except Exception:  # noqa: BLE001 (whatever a shelf raises)
                _log.warning("a result could not be kept for later", exc_info=True)

    def _keep(self, key: str, value: bytes) -> None:
        if len(value) > self._most:
            return
        self.size += len(value) - len(self._kept.pop(key, b""))
        self._kept[key] = value
        while self.size > self._most:
            _, forgotten = self._kept.popitem(last=False)
            self.size -= len(forgotten)

    def _key(self, tool: ToolSpec, arguments: BaseModel, version: str) -> str | None:
        """None for arguments of which it cannot be told whether they are equal to others."""
        try:
            text = "\0".join((self._salt, tool.name, version, _spelt(dict(arguments))))
        except (TypeError, RecursionError):
            return None
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_PLAIN = (str, bytes, int, float, bool, type(None))
_SAYING_ALL = (PurePath, Enum, date, time, timedelta, Decimal, UUID)  # by their repr


def _spelt(value: Any) -> str:
    """The same text for two values only if they and their types are equal, keys' too. Raises TypeError or RecursionError for
    what has no text of that kind."""
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind in (list, tuple):
        return f"{kind.__name__}({', '.join([_spelt(each) for each in value])})"
    if kind is dict:
        return f"{{{', '.join([f'{_spelt(key)}: {_spelt(each)}' for key, each in value.items()])}}}"
    if isinstance(value, BaseModel):
        text = _spelt(dict(value))
    elif isinstance(value, _SAYING_ALL):
        text = repr(value)
    else:
        raise TypeError(f"a {kind.__name__} cannot be told from others like it")
    return f"{kind.__module__}.{kind.__qualname__}({text})"


def _read(tool: ToolSpec, found: bytes | None) -> tuple[Any] | None:
    """A result in its kept form; None when there is none, or it is not what the tool promises."""
    if not found or tool.result is None:
        return None
    try:
        return (tool.result.validate_json(found),)
    except ValidationError as error:
        _log.warning("%s: a remembered result is not what the tool promises; its Call runs: %s", tool.name, error)
        return None


def _kept_form(kind: TypeAdapter[Any], result: Any) -> bytes:
    """The result as it is kept; nothing when JSON does not give it back (half a surrogate pair, not a number)."""
    try:
        checked = kind.validate_python(result)
        found = kind.dump_json(checked)
        return found if kind.validate_json(found) == checked else b""
    except (ValidationError, PydanticSerializationError):
        return b""
