"""What a face tells a person: one line, and whether the input was at fault.

everything that the rooms raise on purpose  ->  BAD_INPUT (exit code 2, HTTP 422)
anything else                               ->  a defect of Runoff: it is not caught here
"""

from __future__ import annotations

import typer
from pydantic import ValidationError

from agents.errors import AgentError
from api.plain import plain
from memory import MemoryRoomError
from planner import CompileErrors, ToolFileError
from workspaces.errors import WorkspaceError

BAD_INPUT: tuple[type[Exception], ...] = (
    AgentError,
    MemoryRoomError,
    WorkspaceError,
    CompileErrors,
    ToolFileError,
    ValidationError,
)
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]  # click's, or that of typer's own copy of click


def usage(error: Exception) -> str:
    """What is wrong with a command line, in one line; of a command that was called with nothing at all, its help."""
    said, context = error.format_message(), getattr(error, "ctx", None)  # type: ignore[attr-defined]
    if context is not None and said == context.get_help():
        return str(said)
    said = said.replace("Value error, ", "", 1).rstrip(".")
    return _line(f"runoff: {said[:1].lower()}{said[1:]}" + (f"; see {context.command_path} -h" if context else ""))


def one_line(error: Exception) -> str:
    """An error as one line that says what happened, to which thing, and what to do."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        return _line(message if message.startswith(where) else f"{where}: {message}")
    return _line(str(error))


def _line(text: str) -> str:
    said: str = plain(" ".join(text.split()))
    return said
