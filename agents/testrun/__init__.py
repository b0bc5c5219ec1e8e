"""The repository's own tests, run in a sandbox: collected once, then run, traced and tried with edits.

`TestSession` is the host's side; `harness/` is the program that it starts in the sandbox.
"""

from agents.testrun.baserun import BaseRun, base_run, coverage
from agents.testrun.command import TestCommand, parse_command
from agents.testrun.protocol import Outcome
from agents.testrun.session import Edits, Example, Function, Limit, Preparation, RunReport, TestSession

__all__ = [
    "BaseRun",
    "Edits",
    "Example",
    "Function",
    "Limit",
    "Outcome",
    "Preparation",
    "RunReport",
    "TestCommand",
    "TestSession",
    "base_run",
    "coverage",
    "parse_command",
]
