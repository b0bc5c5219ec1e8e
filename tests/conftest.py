"""What a test needs of the machine: skipped with the reason where it is missing, an error where it was promised.

RUNOFF_REQUIRE="docker bubblewrap" (set in CI) says that these are there: a test that needs one and is skipped then
fails the whole run.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Generator

import pytest

REQUIRED = set(os.environ.get("RUNOFF_REQUIRE", "").split())
_skipped: list[str] = []


@functools.cache
def missing(need: str) -> str | None:
    """Why a need is not met on this machine; None when it is."""
    if need == "bubblewrap":
        return None if shutil.which("bwrap") else "bwrap is not installed: apt-get install bubblewrap"
    if need == "docker":
        if not shutil.which("docker"):
            return "docker is not installed: apt-get install docker.io"
        if subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
            return "no docker engine answers: start dockerd"
        if subprocess.run(["docker", "image", "inspect", "runoff-test"], capture_output=True).returncode != 0:
            return "the image runoff-test is missing: sh tests/base-image.sh"
        return None
    if need == "redis":
        return None if shutil.which("redis-server") else "redis-server is not installed: apt-get install redis-server"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    for need in ("bubblewrap", "docker", "redis"):
        if item.get_closest_marker(need) and (reason := missing(need)):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and any(item.get_closest_marker(need) for need in REQUIRED):
        _skipped.append(f"{item.nodeid}: {report.longreprtext}")
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _skipped and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _skipped:
        terminalreporter.write_line(f"skipped although required here: {line}", red=True)
