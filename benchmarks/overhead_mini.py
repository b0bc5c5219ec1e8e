"""The half of overhead.py that runs in mini-swe-agent's own environment; it imports nothing of ours.

    PYTHON overhead_mini.py TURNS AT_ONCE ROUNDS

Prints one JSON object. Each agent gets a thread, as in its batch runner. A turn's cost is the time between the end of one
command and the start of the next.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

ISSUE = "A total with a discount is wrong when there are several items. " * 20
_THOUGHT = "The place is likely where the total is computed, so what was noted on it must be looked at first. " * 3


def answer(step: int, trajectory: object) -> str:
    """What the model says: no two answers are the same. (A trajectory without progress would be ended.)"""
    return f"{trajectory}: {_THOUGHT}\n```python\nseen_{step} = recall()\n```\n"


def spread(values: Sequence[float]) -> dict[str, float]:
    p95 = statistics.quantiles(values, n=20)[-1]
    return {"median": statistics.median(values), "mean": statistics.mean(values), "p95": p95}


def resident_mb() -> float:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(
    turns: int, at_once: int, *, shell: bool = False, script: bool = True, saved: bool = False
) -> dict[str, Any]:
    """shell: commands are run (`true`), else nothing is. script: the test model holds all its answers, as it comes,
    else only one, again and again. saved: the trajectory's file is written after each turn."""
    from minisweagent.agents.default import DefaultAgent
    from minisweagent.environments.local import LocalEnvironment
    from minisweagent.exceptions import Submitted
    from minisweagent.models.test_models import DeterministicModel, make_output

    first, last = threading.Barrier(at_once), threading.Barrier(at_once)
    at: dict[str, float] = {}
    texts: list[int] = []

    class Environment(LocalEnvironment):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[tuple[float, float]] = []

        def execute(self, action: dict[str, Any], cwd: str = "", **options: Any) -> dict[str, Any]:
            number = len(self.calls)
            if number == 0 and first.wait() == 0:
                gc.collect()
                at.update(cpu=time.process_time(), wall=time.perf_counter(), rss=resident_mb())
            if number == turns - 1:
                texts.append(sum(sys.getsizeof(each["content"]) for each in agents[self].messages))
                if last.wait() == 0:
                    at["cpu"] = time.process_time() - at["cpu"]
                    at["wall"] = time.perf_counter() - at["wall"]
                    gc.collect()
                    at["rss"] = resident_mb() - at["rss"]
                last.wait()
            began = time.perf_counter()
            nothing = {"output": "", "returncode": 0, "exception_info": ""}
            output = super().execute(action, cwd, **options) if shell else nothing
            self.calls.append((began, time.perf_counter()))
            if number == turns - 1:
                raise Submitted(
                    {"role": "exit", "content": "", "extra": {"exit_status": "Submitted", "submission": ""}}
                )
            return output

    class Repeating(DeterministicModel):  # type: ignore[misc]
        def query(self, messages: list[dict[str, str]], **options: Any) -> Any:
            self.current_index = -1
            return super().query(messages, **options)

    agents: dict[Environment, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(at_once):
            outputs = [
                make_output(answer(step, number), [{"command": "true"}]) for step in range(turns if script else 1)
            ]
            environment = Environment()
            agents[environment] = DefaultAgent(
                (DeterministicModel if script else Repeating)(outputs=outputs),
                environment,
                system_template="You resolve an issue in a code repository.",
                instance_template="{{task}}",
                step_limit=0,
                cost_limit=0,
                output_path=Path(folder) / f"{number}.traj.json" if saved else None,
            )
        with ThreadPoolExecutor(at_once) as pool:
            for ended in [pool.submit(agent.run, ISSUE) for agent in agents.values()]:
                ended.result()
    calls = [each.calls[:-1] for each in agents]  # the last one waited for the others
    beyond = [(begun - ended) * 1000 for each in calls for (_, ended), (begun, _) in pairwise(each)]
    return {
        "ms": spread(beyond),
        "share_ms": at["wall"] * 1000 / (turns * at_once),
        "cpu_ms": at["cpu"] * 1000 / (turns * at_once),
        "rss_mb": (at["rss"] - sum(texts) / 1e6) / at_once,
    }


def main() -> None:
    turns, at_once, rounds = map(int, sys.argv[1:])
    os.environ["MSWEA_SILENT_STARTUP"] = "1"
    measure(5, at_once)
    ways: dict[str, dict[str, bool]] = {
        "nothing is run": {},
        "nothing is run, a test model of one answer": {"script": False},
        "nothing is run, saved after each turn": {"saved": True},
        "`true` is run": {"shell": True},
    }
    best = {
        name: min((measure(turns, at_once, **way) for _ in range(rounds)), key=lambda row: row["ms"]["mean"])
        for name, way in ways.items()
    }
    print(json.dumps(best))


if __name__ == "__main__":
    main()
