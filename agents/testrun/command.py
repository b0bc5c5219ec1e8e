"""What a user means by `--test "pytest -q tests/test_dates.py"`."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from agents.errors import NotPytest

_PYTEST = re.compile(r"(?:.*/)?(?:pytest|py\.test)(?:-?3(?:\.\d+)?)?")
_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class TestCommand:
    """Arguments for pytest. `cwd_on_path`: `python -m pytest` imports from the current directory, `pytest` does not."""

    __test__ = False

    args: tuple[str, ...] = ()
    cwd_on_path: bool = True


def parse_command(text: str | None) -> TestCommand:
    """Read a test command; None stands for `python -m pytest`. Raises NotPytest."""
    if text is None:
        return TestCommand()
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise NotPytest(f"the test command {text!r} cannot be read ({error}); close its quotes") from error
    if words and _PYTEST.fullmatch(words[0]):
        return TestCommand(tuple(words[1:]), cwd_on_path=False)
    if len(words) > 2 and _PYTHON.fullmatch(words[0]) and words[1] == "-m" and _PYTEST.fullmatch(words[2]):
        return TestCommand(tuple(words[3:]), cwd_on_path=True)
    raise NotPytest(
        f"the repair policy runs pytest, and {text!r} is not a call of it; "
        'give "pytest ARGUMENTS" or "python -m pytest ARGUMENTS", without a shell or variables'
    )
