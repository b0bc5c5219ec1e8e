"""What a forked child reported counts, whenever it ends."""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterator
from typing import Any

import pytest

from agents.testrun.harness import fork
from agents.testrun.harness.fork import Family, Report
from agents.testrun.harness.orphans import PR_SET_CHILD_SUBREAPER, Orphans


class Channel:
    """Keeps what the parent passes on."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, record: dict[str, Any]) -> None:
        self.sent.append(record)

    def close_in_child(self) -> None:
        pass


@pytest.fixture
def orphans() -> Iterator[Orphans]:
    yield Orphans()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)  # what other tests leave behind is not ours


def test_a_child_that_ends_between_two_looks_of_its_parent_is_heard(
    monkeypatch: pytest.MonkeyPatch, orphans: Orphans
) -> None:
    waits, goes = os.pipe()
    look = select.select

    def late(*arguments: Any) -> Any:
        """Nothing was there yet; but before the parent can ask whether the child lives, it has spoken and ended."""
        found = look(*arguments)
        if not found[0] and arguments[3]:
            os.write(goes, b"x")
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        return found

    def body(report: Report, units: list[dict[str, Any]]) -> None:
        report.ready()
        os.read(waits, 1)
        for unit in list(units):
            report.run(unit, lambda: {"status": "passed"})

    unit = {"unit": "test", "cpu_s": 5.0, "wall_s": 60.0}
    limits = {"memory_bytes": 1 << 40, "prepare_cpu_s": 5.0, "prepare_wall_s": 60.0}
    channel = Channel()
    family = Family(channel, {"id": 1, "units": [unit], "stop": False, **limits}, orphans)
    monkeypatch.setattr(fork.select, "select", late)
    family.run(body)
    assert [(each["unit"], each["status"]) for each in channel.sent if each["event"] == "unit"] == [("test", "passed")]
    assert family.refused is None
    os.close(waits)
    os.close(goes)
