"""What a test needs of the machine: skipped with the reason where it is missing, an error where it was promised.

RUNOFF_REQUIRE="docker bubblewrap" (set in CI) says that these are there: a test that needs one and is skipped then
fails the whole run.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.vllm_server import PLACE, VllmServer

REQUIRED = set(os.environ.get("RUNOFF_REQUIRE", "").split())
_skipped: list[str] = []
hypothesis.settings.register_profile("shared", deadline=None)  # others may be at work on the same cores
hypothesis.settings.load_profile("shared")


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
        if not shutil.which("redis-server"):
            return "redis-server is not installed: apt-get install redis-server"
        try:
            socket.create_connection(("127.0.0.1", 6379), timeout=2).close()
        except OSError as error:
            return f"no Redis answers at 127.0.0.1:6379 ({error}): redis-server --daemonize yes"
        return None
    if need == "vllm":
        ready = (PLACE / "venv" / "bin" / "vllm").exists() and (PLACE / "tiny" / "config.json").exists()
        return None if ready else f"there is no vLLM in {PLACE}: sh tests/vllm.sh"
    return None


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """A real vLLM server; for tests that are marked `vllm`."""
    server = VllmServer(tmp_path_factory.mktemp("vllm"))
    server.start()
    yield server
    processes = server.processes()
    server.stop()
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for need in ("bubblewrap", "docker", "redis", "vllm"):
        if item.get_closest_marker(need) and (reason := missing(need)):
            pytest.skip(reason)


class ByFile(LoadFileScheduling):
    """Side by side run the tests of different files; but those of the files that need the one vLLM server, in one process."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "vllm" if "mark.vllm" in Path(self.config.rootpath, file).read_text() else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and REQUIRED & set(report.keywords):
        _skipped.append(f"{report.nodeid}: {report.longreprtext}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _skipped and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _skipped:
        terminalreporter.write_line(f"skipped although required here: {line}", red=True)
