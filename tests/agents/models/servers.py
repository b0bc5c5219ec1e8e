"""A real HTTP server on loopback that answers as a test tells it, byte by byte: well, badly, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One HTTP request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


Answer = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server under test. answers: what each call of /chat/completions gets, in order; the last one stays.

    models: what /models answers: JSON data, or an Answer.
    """

    answers: list[Answer]
    models: Any = field(default_factory=lambda: {"data": [{"id": "m", "max_model_len": 4096}]})
    metrics: str = ""
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    @property
    def calls(self) -> list[Asked]:
        return [each for each in self.asked if each.path.endswith("/chat/completions")]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _read(reader)
            self.asked.append(asked)
            if asked.path.endswith("/models"):
                await (self.models if callable(self.models) else status(200, self.models))(asked, writer)
            elif asked.path == "/metrics":
                await status(200, self.metrics)(asked, writer)
            else:
                await self.answers[min(len(self.calls), len(self.answers)) - 1](asked, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, json.loads(body) if body else None)


@asynccontextmanager
async def serving(*answers: Answer, port: int = 0, **more: Any) -> AsyncIterator[Server]:
    """Serve on loopback while the block runs."""
    server = Server(list(answers), **more)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", port)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listening.close()


def status(code: int, body: Any, **headers: str) -> Answer:
    """A whole answer. Header names with _ for -."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        data = (
            body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        )
        kind = "text/plain" if isinstance(body, (str, bytes)) else "application/json"
        lines = [f"HTTP/1.1 {code} X", f"content-type: {kind}", f"content-length: {len(data)}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await writer.drain()

    return answer


def error(code: int, message: str, param: str | None = None, **headers: str) -> Answer:
    return status(code, {"error": {"message": message, "param": param, "code": code}}, **headers)


def raw(*parts: bytes | float, kind: str = "text/event-stream") -> Answer:
    """A stream of exactly these bytes; a number is a pause in seconds. Then the connection is closed, cut or not."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode())
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)

    return answer


def chunk(text: str | None = None, *, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    """One event of the protocol."""
    delta = {} if text is None else {"content": text}
    return event({"model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more})


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def usage(prompt: int, completion: int, cached: int | None = None) -> bytes:
    details = None if cached is None else {"cached_tokens": cached}
    numbers = {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details}
    return event({"model": "m", "choices": [], "usage": numbers})


DONE = b"data: [DONE]\n\n"


def says(*texts: str, prompt: int = 10, cached: int | None = None) -> Answer:
    """A good answer, in pieces."""
    return raw(*map(chunk, texts), chunk(finish="stop"), usage(prompt, len(texts), cached), DONE)
