"""What the harness may say: checked word by word, for the tests that run beside it may have written it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agents.errors import HarnessFailed

MAX_TESTS = 200_000
MAX_LINES = 200_000  # of one file
Text = Annotated[str, Field(max_length=4000)]
LONGEST_NAME = 8000  # characters of a test's
NodeId = Annotated[str, Field(max_length=LONGEST_NAME)]
Path = Annotated[str, Field(max_length=4096)]
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
LineNumber = Annotated[int, Field(ge=0, le=10_000_000)]
Status = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Ready(_Message):
    event: Literal["ready"]
    python: Text
    pytest: Text


class Tests(_Message):
    event: Literal["tests"]
    tests: Annotated[list[NodeId], Field(max_length=1000)]


class CollectionError(_Message):
    event: Literal["collection-error"]
    unit: NodeId
    text: Text


class Unusable(_Message):
    event: Literal["unusable"]
    reason: Literal["no-pytest", "old-pytest", "pytest-ended"]
    text: Text


class Outcome(_Message):
    """How one unit (a test, an example, a call) ended.

    frames: (file, line) of the repository's frames in the exception, innermost first. lines: what ran, by file, where it
    was traced. call: in words, what was called, where that was asked for. spawned: it started another program.
    timed_out: it was ended at its limit, and its status is "failed".
    """

    event: Literal["unit"] = "unit"
    id: int = 0
    unit: NodeId
    status: Status
    text: Text = ""
    call: Text = ""
    frames: Annotated[list[tuple[Path, LineNumber]], Field(max_length=20)] = []
    lines: dict[Path, Annotated[list[LineNumber], Field(max_length=MAX_LINES)]] = {}
    inputs: Annotated[list[Annotated[str, Field(max_length=1 << 16)]], Field(max_length=1000)] = []
    timed_out: bool = False
    spawned: bool = False
    wall_s: Seconds = 0.0
    cpu_s: Seconds = 0.0

    @property
    def passed(self) -> bool:
        """It ran and found nothing wrong: a test that was skipped, or failed as expected, says nothing."""
        return self.status in ("passed", "xpassed")

    @property
    def broken(self) -> bool:
        return self.status in ("failed", "error")


class End(_Message):
    event: Literal["end"]
    id: int
    cpu_s: Seconds
    refused: Text | None


Message = Ready | Tests | CollectionError | Unusable | Outcome | End
_messages: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="event")])


def read(line: bytes) -> Message:
    """One line of the harness. Raises HarnessFailed when it is not what the protocol allows."""
    try:
        return _messages.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        raise HarnessFailed(
            f"the test harness sent an unreadable record ({'.'.join(map(str, first['loc']))}: {first['msg']}); "
            "the tests may have written over its channel"
        ) from error
