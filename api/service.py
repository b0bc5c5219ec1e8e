"""The REST face: POST /v1/runs, GET /v1/runs, GET /v1/runs/{id}, GET /v1/runs/{id}/events (server-sent events), and
POST /v1/runs/{id}/answer for a Run that needs input."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Self

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field, model_validator
from sse_starlette.sse import EventSourceResponse
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.errors import BadCandidates
from agents.predictions import MOST_SENT, sent_predictions
from agents.request import Given, NotAllowed, Request
from agents.resolve import resolve
from agents.settings import Settings
from api.errors import BAD_INPUT
from memory import Journal, RunRecord, Runs, Store, UnknownRun
from selection import NEITHER, Question
from workspaces import Repositories, RepositoryError

FOLLOW_S = 1.0  # between two looks at a Run of another process
LARGEST_BODY = 16 << 20  # bytes of a request
_PAGES = ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect")  # the description of the API
_LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]


class Posted(Request):
    """A Request as callers send it: with the patches themselves, of which the Run's own has the digests."""

    candidates: tuple[Any, ...] = Field(
        (),
        description=f"choose among these patches, {MOST_SENT} at most; nothing is generated. Objects with `source` and `patch` "
        "(in git's format), or predictions of SWE-bench: `instance_id`, `model_name_or_path`, `model_patch`",
        examples=[[{"source": "somebody", "patch": "diff --git …"}]],
    )
    instance: str | None = Field(None, description="the issue's instance_id, where the predictions are for several")

    @model_validator(mode="after")
    def _some_candidates(self) -> Self:
        if not self.candidates and ("candidates" in self.model_fields_set or self.instance is not None):
            raise ValueError("candidates: there are none; send some, or leave candidates and instance out")
        return self

    def given(self, store: Store) -> Request:
        """The Request with its patches in the file store. Raises BadCandidates, StoreUnusable."""
        sent = sent_predictions(self.candidates, self.instance) if self.candidates else []
        given = [Given(source=each.source, sample=each.sample, patch=store.files.put(each.patch)) for each in sent]
        fields = self.model_dump(exclude={"candidates", "instance"})
        return Request(**fields, candidates=tuple(given))


class RunView(BaseModel):
    """A Run as the service shows it; `verdict` has the published schema, `patch` is in git's format. `question`: what a Run
    in the state `needs_input` waits for: a call, and the results of which one may be right."""

    id: str
    state: str
    created_at: float
    request: dict[str, Any]
    verdict: dict[str, Any] | None
    error: str | None
    patch: str | None
    question: dict[str, Any] | None


class Reply(BaseModel):
    """The answer to a Run's question."""

    choice: int | None = Field(
        ge=NEITHER, description="place of the right result, from 0; -1: none of them; null: unknown"
    )


class NotAsked(ValueError):
    """An answer to a question that nobody asks."""


class Service:
    """The Runs of this process: one works at a time (its workers fill the cores), the others wait their turn."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings.model_copy(update={"use_repository_venv": False})  # it may be a caller's
        self.store = store
        self._turn = asyncio.Lock()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()
        self._waiting: dict[str, tuple[Question, asyncio.Future[int | None]]] = {}

    async def start(self, posted: Posted) -> str:
        """Create a Run and let it work in the background. Raises NotAllowed, BadCandidates,
        RepositoryError."""
        posted.refuse_programs(self.settings)
        if not posted.repo.is_absolute():
            raise NotAllowed(f"repo: {posted.repo} is relative; write the whole path, as the service's machine has it")
        await Repositories.inspect(posted.repo)
        request = (await asyncio.to_thread(posted.given, self.store)).complete(self.settings)
        run_id = Runs(self.store).create(request.model_dump(mode="json"))
        task = asyncio.create_task(self._work(run_id, request), name=f"run {run_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run_id

    async def _work(self, run_id: str, request: Request) -> None:
        async with self._turn:
            try:
                await resolve(
                    request,
                    self.settings,
                    self.store,
                    run_id=run_id,
                    stop=self._stop,
                    on_event=lambda _: self._wake(),
                    ask=partial(self._ask, run_id) if request.ask else None,
                )
            except BAD_INPUT:
                pass  # the Run's Journal has it: `run.failed` with the reason
            finally:
                self._wake()

    async def _ask(self, run_id: str, question: Question) -> int | None:
        reply: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._waiting[run_id] = question, reply
        try:
            async with asyncio.timeout(self.settings.answer_s):  # other Runs wait for this one
                return await reply
        except TimeoutError:
            return None
        finally:
            del self._waiting[run_id]

    def answer(self, run_id: str, choice: int | None) -> None:
        """Tell a Run that waits what is right. Raises NotAsked."""
        if run_id not in self._waiting:
            raise NotAsked(f"run {run_id} waits for no answer here; look at its state first")
        question, reply = self._waiting[run_id]
        if choice is not None and choice >= len(question.answers):
            raise NotAsked(f"choice: {choice} is none of the {len(question.answers)} results; they are counted from 0")
        if not reply.done():
            reply.set_result(choice)

    def _wake(self) -> None:
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def events(self, run_id: str, after: int) -> AsyncIterator[dict[str, str]]:
        """The Run's events after a number, those to come included; ends with the Run."""
        journal = Journal(self.store, run_id)
        while True:
            state = Runs(self.store).find(run_id).state  # asked first, so that no event is missed
            ended = state not in ("running", "needs_input")
            for event in journal.events(after):
                after = event.seq
                yield {"id": str(event.seq), "event": event.kind, "data": event.as_json()}
            if ended:
                return
            async with self._news:
                if not journal.events(after):
                    with contextlib.suppress(TimeoutError):  # a Run of another process wakes nobody here
                        await asyncio.wait_for(self._news.wait(), FOLLOW_S)

    async def close(self) -> None:
        """Stop every Run with its best result so far, and wait for their clean-up."""
        self._stop.set()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def view(self, record: RunRecord) -> RunView:
        digest = (record.verdict or {}).get("patch_digest")
        patch = self.store.files.get(digest).decode("utf-8", "replace") if digest else None
        return RunView(
            id=record.id,
            state=record.state,
            created_at=record.created_at,
            request=record.request,
            verdict=(record.verdict or {}).get("verdict"),
            error=record.error,
            patch=patch,
            question=record.question,
        )


class BodyLimit:
    """Reads no more of a request than a service should hold in memory, whoever sends it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST_BODY:
                raise HTTPException(
                    413,
                    f"the request is larger than {LARGEST_BODY >> 20} MiB; send fewer or smaller candidates, or use `runoff "
                    "select` on the service's machine",
                )
            return message

        await self._app(scope, limited, send)


class Ascii(JSONResponse):
    """JSON in escapes: a path may have bytes that are no Unicode, and what was sent any characters."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


class AskToken:
    """Lets no caller without the token further than to the API pages, before anything else of the request is looked at."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _PAGES or self._is_sent(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = _refusal(401, "send the service's token as `Authorization: Bearer …`")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        await refusal(scope, receive, send)

    def _is_sent(self, headers: Headers) -> bool:
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), self._token)


def _refusal(status: int, detail: Any) -> Response:
    """Why a request is refused; but never the whole of a large one."""
    return Ascii({"detail": detail}, status)


def create_app(settings: Settings, *, token: str, hosts: list[str] | None = None) -> FastAPI:
    """The application. `token`: what callers must send as a bearer token, on loopback as well: other users of this machine
    reach that, too, and a Run works with the rights of this one."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with Store.open(settings.state_dir) as store:
            service = Service(settings, store)
            app.state.service = service
            try:
                yield
            finally:
                await service.close()

    app = FastAPI(
        title="Runoff",
        version="1",
        lifespan=lifespan,
        dependencies=[Depends(HTTPBearer(auto_error=False))],  # for the API pages; AskToken does it
        default_response_class=Ascii,
    )
    app.add_middleware(AskToken, token=token)
    # A page in a browser must not be able to reach the service under a name that it controls.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts or _LOOPBACK)

    app.add_middleware(BodyLimit)

    @app.exception_handler(RequestValidationError)
    async def not_valid(_: HttpRequest, error: RequestValidationError) -> Response:
        return _refusal(422, [{name: each[name] for name in ("type", "loc", "msg")} for each in error.errors()])

    for kind, status in (
        (UnknownRun, 404),
        (NotAllowed, 422),
        (BadCandidates, 422),
        (RepositoryError, 422),
        (NotAsked, 409),
    ):
        app.add_exception_handler(kind, lambda _, error, status=status: _refusal(status, str(error)))

    @app.post("/v1/runs", status_code=202)
    async def start(posted: Posted, http: HttpRequest) -> RunView:
        service: Service = http.app.state.service
        return service.view(Runs(service.store).find(await service.start(posted)))

    @app.get("/v1/runs")
    async def runs(http: HttpRequest, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[RunView]:
        service: Service = http.app.state.service
        return [service.view(record) for record in Runs(service.store).list(limit)]

    @app.get("/v1/runs/{run_id}")
    async def run(run_id: str, http: HttpRequest) -> RunView:
        service: Service = http.app.state.service
        return service.view(Runs(service.store).find(run_id))

    @app.post("/v1/runs/{run_id}/answer", status_code=202)
    async def answer(run_id: str, reply: Reply, http: HttpRequest) -> None:
        service: Service = http.app.state.service
        service.answer(Runs(service.store).find(run_id).id, reply.choice)

    @app.get("/v1/runs/{run_id}/events")
    async def events(
        run_id: str, http: HttpRequest, last_event_id: Annotated[int, Header(ge=0, lt=1 << 63)] = 0
    ) -> Response:
        service: Service = http.app.state.service
        record = Runs(service.store).find(run_id)
        return EventSourceResponse(service.events(record.id, last_event_id))

    return app
