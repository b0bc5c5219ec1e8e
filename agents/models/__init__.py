"""The language models: one question goes in, one answer comes out, paid for and journaled, whatever is behind it.

model = await open_model("NAME", settings, account)      servers that speak the OpenAI protocol (vLLM first),
        "scripted:FILE" | "replay:DIR"                   a script, or the record of an earlier run
model = Recorder(model, directory)                       writes every call down, without secrets
model = Recalling(model, journal, files)                 a resumed run does not pay twice
answer = await model.complete(ModelRequest(messages, max_tokens=2000, stage="edit", …), on_delta=…)

account = Account(ledger, journal, …)                    reserve, call, settle; an event for each call
admission = Admission(lambda: model.load(issue))         how many trajectories the server's KV cache holds
"""

from __future__ import annotations

from typing import Protocol

from agents.models.account import CALLED, FAILED, Account
from agents.models.admission import Admission, Place
from agents.models.client import Retry, ServedModel
from agents.models.endpoint import Endpoint, Patience
from agents.models.metered import Metered
from agents.models.metrics import ServerLoad, read_load
from agents.models.recall import Recalling
from agents.models.record import Recorder
from agents.models.replay import Replay
from agents.models.scripted import Scripted
from agents.models.secrets import Secrets
from agents.models.turn import (
    Choice,
    Delta,
    ModelAnswer,
    ModelRequest,
    OnDelta,
    Prices,
    TokenLogprob,
    ToolCall,
    Usage,
    Weighed,
    request_hash,
)


class Model(Protocol):
    """What a trajectory asks."""

    @property
    def name(self) -> str:
        """Under which it is billed and recorded."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and answer together that it holds; None when nobody says."""
        ...

    async def complete(self, request: ModelRequest, *, on_delta: OnDelta | None = None) -> ModelAnswer:
        """Ask once; whatever a retry can help with was retried when this raises.

        on_delta: takes the pieces of text as they come. Raises ModelError (see agents/errors.py) and LimitExceeded. What
        had come of an answer that was cancelled or lost is on the bill.
        """
        ...

    async def load(self, issue: str) -> ServerLoad | None:
        """The load of the server that an issue's calls go to; None when it does not say, or there is none."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


__all__ = [
    "CALLED",
    "FAILED",
    "Account",
    "Admission",
    "Choice",
    "Delta",
    "Endpoint",
    "Metered",
    "Model",
    "ModelAnswer",
    "ModelRequest",
    "OnDelta",
    "Patience",
    "Place",
    "Prices",
    "Recalling",
    "Recorder",
    "Replay",
    "Retry",
    "Scripted",
    "Secrets",
    "ServedModel",
    "ServerLoad",
    "TokenLogprob",
    "ToolCall",
    "Usage",
    "Weighed",
    "read_load",
    "request_hash",
]
