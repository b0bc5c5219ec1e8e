"""Runs things: one DAG of Calls (`Scheduler`), many jobs on few workers (`Pool`).

execution = await Scheduler(tools, slots=Slots(sandbox=2)).run(plan)
execution = await Scheduler(tools).run(compile_stream(chunks, Compiler(specs)))     while the plan is being written
"""

from executor.errors import (
    BadArguments,
    BadReference,
    BadResult,
    CallCancelled,
    CallTimeout,
    ExecutorError,
    UnknownTool,
)
from executor.execution import CallReport, Execution
from executor.hedge import Hedge
from executor.memo import Memo, Shelf, Version
from executor.pool import Pool
from executor.scheduler import Listener, Scheduler, Tool
from executor.slots import Slots
from executor.stream import compile_stream

__all__ = [
    "BadArguments",
    "BadReference",
    "BadResult",
    "CallCancelled",
    "CallReport",
    "CallTimeout",
    "Execution",
    "ExecutorError",
    "Hedge",
    "Listener",
    "Memo",
    "Pool",
    "Scheduler",
    "Shelf",
    "Slots",
    "Tool",
    "UnknownTool",
    "Version",
    "compile_stream",
]
