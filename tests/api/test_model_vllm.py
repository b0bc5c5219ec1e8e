"""`runoff resolve` with a real vLLM server and a tiny model with random weights: nonsense, held to the plans' grammar."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.api.conftest import ISSUE, Runoff, left_behind
from tests.vllm_server import MODEL, VllmServer

pytestmark = [pytest.mark.vllm, pytest.mark.bubblewrap]
ENV = {"RUNOFF_PLAN_FORM": "grammar", "RUNOFF_ANSWER_TOKENS": "256", "RUNOFF_TRAJECTORIES": "1"}


def running_requests(vllm: VllmServer) -> float:
    with urllib.request.urlopen(vllm.url.removesuffix("/v1") + "/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running"))


def test_a_model_that_talks_nonsense_ends_in_its_budget_without_a_winner(
    vllm: VllmServer, runoff: Runoff, repo: Path, tmp_path: Path
) -> None:
    arguments = ["--issue", ISSUE, "--model", MODEL, "--base-url", vllm.url, "--budget", "tokens=200k,wall=90s"]
    ended = runoff("resolve", repo, *arguments, "-o", tmp_path / "out", **ENV)
    assert ended.returncode == 1, ended.stderr + ended.stdout
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    events = [json.loads(line) for line in (tmp_path / "out" / "journal.jsonl").read_text().splitlines()]
    assert verdict["winner"] is None
    turns = [event for event in events if event["kind"] == "trajectory.turn"]
    assert turns
    # what the grammar cannot tell is where an answer is cut, and what a result's parts are; all else compiles
    faults = [turn["faults"] for turn in turns if turn["faults"]]
    assert all("is never closed" in each or "has no" in each for each in faults), faults
    assert len(faults) < len(turns), faults
    called = [event for event in events if event["kind"] == "model.called"]
    assert 0 < sum(event["tokens"]["prompt"] + event["tokens"]["completion"] for event in called) <= 200_000
    assert running_requests(vllm) == 0
    assert left_behind(tmp_path / "state") == []
