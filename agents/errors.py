"""Everything that can go wrong in this room.

AgentError                      the root
└── TestRunError                the repository's tests cannot be used
    ├── UnusableTests           bad input, no retry: the message says what to mend (also a ValueError)
    │   ├── NotPytest           the test command is not a call of pytest
    │   ├── NotPython           there is nothing here that the repair policy could work on
    │   ├── PytestMissing       the interpreter is missing, has no pytest, or one that is too old
    │   ├── CollectionFailed    pytest cannot collect the tests
    │   ├── NoTests             nothing is collected
    │   ├── NothingFails        all tests pass, so that there is nothing to repair
    │   └── NothingToRepair     the failing tests execute none of the repository's own code
    └── HarnessFailed           the interpreter in the sandbox died or spoke nonsense: retry in a fresh one
"""

from __future__ import annotations


class AgentError(Exception):
    """The root of this room's errors. `str()` says what happened, to which thing, and what to do next."""


class TestRunError(AgentError):
    """The repository's tests cannot be used."""

    __test__ = False  # not a test class, whatever its name


class UnusableTests(TestRunError, ValueError):
    """What the user asked to run cannot tell whether a patch is right."""


class NotPytest(UnusableTests):
    """The test command is not a call of pytest."""


class NotPython(UnusableTests):
    """The repository holds no Python."""


class PytestMissing(UnusableTests):
    """The interpreter is missing, has no pytest, or one that is too old."""


class CollectionFailed(UnusableTests):
    """pytest cannot collect the tests."""


class NoTests(UnusableTests):
    """pytest collects nothing."""


class NothingFails(UnusableTests):
    """All tests pass."""


class NothingToRepair(UnusableTests):
    """The failing tests execute none of the repository's own code."""


class HarnessFailed(TestRunError):
    """The interpreter in the sandbox died, got stuck or spoke nonsense."""
