"""Everything that can go wrong with a Call, apart from what its tool raises.

ExecutorError             the root
├── BadReference          a reference does not fit the result that it points into (also a LookupError)
├── BadArguments          the arguments, with the results in them, are not what the tool takes (also a ValueError)
├── BadResult             the tool returned what its spec does not promise (also a TypeError)
├── UnknownTool           no tool of that name was given to the scheduler (also a LookupError)
├── CallTimeout           the Call's time, or the plan's, was over (also a TimeoutError): a retry may help
└── CallCancelled         something other than the scheduler cancelled the Call: a retry may help
"""

from __future__ import annotations


class ExecutorError(Exception):
    """The root of this room's errors. `str()` says what happened, to which Call, and what to do next."""


class BadReference(ExecutorError, LookupError):
    """A reference does not fit the result that it points into."""


class BadArguments(ExecutorError, ValueError):
    """The arguments are not what the tool takes."""


class BadResult(ExecutorError, TypeError):
    """The tool returned what its spec does not promise."""


class UnknownTool(ExecutorError, LookupError):
    """No tool of that name was given to the scheduler."""


class CallTimeout(ExecutorError, TimeoutError):
    """The Call's time, or the plan's, was over."""


class CallCancelled(ExecutorError):
    """Something other than the scheduler cancelled the Call."""


def worded(error: BaseException) -> str:
    """What an error says; one of a tool may fail at saying it."""
    try:
        return str(error) or repr(error)
    except Exception as failure:  # noqa: BLE001 (whatever it raises)
        return f"{type(error).__name__}, which cannot be shown ({type(failure).__name__})"
