"""From a model's words to Calls: the stream that a scheduler can execute while it is being written."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from planner import Call, Compiler, Plan


async def compile_stream(chunks: AsyncIterable[str | bytes], compiler: Compiler) -> AsyncIterator[Call | Plan]:
    """Each Call as soon as its statement is complete, and last the Plan. Raises CompileErrors at the end, or what
    `chunks` raises."""
    async for chunk in chunks:
        for call in compiler.feed(chunk):
            yield call
    yield compiler.finish()
