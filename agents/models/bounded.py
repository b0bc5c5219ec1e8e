"""Bodies that are read whole (lists, metrics, what is said with an error) end at a limit, whatever a server sends.

The openai package is imported where a server is spoken to: it takes a third of a second, which other runs do without.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openai

MOST_BYTES = 4 << 20
EVENTS = "text/event-stream"


def http_library() -> Any:
    """The HTTP library under the `openai` package: httpx, or httpx2 for newer packages."""
    import openai

    bases = (each.__module__.partition(".")[0] for each in openai.DefaultAsyncHttpxClient.__mro__)
    return importlib.import_module(next(name for name in bases if name.startswith("httpx")))


def bounded_client() -> openai.DefaultAsyncHttpxClient:
    """A client that reads at most MOST_BYTES of a body, and drops the rest; streams of events have their own reader."""
    import openai

    stream: Any = http_library().AsyncByteStream

    class Bounded(stream):  # type: ignore[misc]
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = MOST_BYTES
            async for data in self._inner:
                yield data[:left]
                left -= len(data)
                if left <= 0:
                    return

        async def aclose(self) -> None:
            await self._inner.aclose()

    async def bound(response: Any) -> None:
        if response.is_error or not response.headers.get("content-type", "").startswith(EVENTS):
            response.stream = Bounded(response.stream)

    return openai.DefaultAsyncHttpxClient(event_hooks={"response": [bound]})
