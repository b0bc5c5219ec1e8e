"""The REST face, over a real socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import INTERPRETER, ISSUE

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def service(tmp_path: Path) -> Iterator[httpx.Client]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "serve", "--port", str(port)],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(tmp_path / "state")},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            for _ in range(200):
                try:
                    client.get("/v1/runs")
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        assert process.wait(timeout=30) in (0, -15)


def test_a_run_is_started_followed_and_read(service: httpx.Client, repo: Path) -> None:
    started = service.post("/v1/runs", json={"repo": str(repo), "issue": ISSUE})
    assert started.status_code == 202, started.text
    run_id = started.json()["id"]
    with service.stream("GET", f"/v1/runs/{run_id}/events") as stream:
        lines = [line.removeprefix("data:") for line in stream.iter_lines() if line.startswith("data:")]
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[0] == "run.started"
    assert kinds[-1] == "run.finished"
    ended = service.get(f"/v1/runs/{run_id}").json()
    assert ended["state"] == "resolved"
    assert ended["verdict"]["winner"]
    assert "halves.py" in ended["patch"]
    assert [each["id"] for each in service.get("/v1/runs").json()] == [run_id]
    replayed = service.get(f"/v1/runs/{run_id}/events", headers={"Last-Event-ID": str(len(kinds) - 1)})
    assert replayed.text.count("data:") == 1


def test_bad_input_is_refused_or_journaled_with_the_reason(service: httpx.Client, tmp_path: Path) -> None:
    refused = service.post("/v1/runs", json={"repo": "/somewhere", "issue": " "})
    assert refused.status_code == 422
    assert "issue is empty" in refused.text
    started = service.post("/v1/runs", json={"repo": str(tmp_path / "nothing"), "issue": ISSUE}).json()
    service.get(f"/v1/runs/{started['id']}/events")  # ends with the run
    ended = service.get(f"/v1/runs/{started['id']}").json()
    assert ended["state"] == "failed"
    assert "nothing" in ended["error"]
    assert service.get("/v1/runs/unknown").status_code == 404


def test_a_name_that_is_not_loopback_is_refused(service: httpx.Client) -> None:
    assert service.get("/v1/runs", headers={"Host": "evil.example.org"}).status_code == 400


def test_another_address_needs_a_token() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "RUNOFF_TOKEN"}
    ended = subprocess.run(
        [sys.executable, "-m", "api", "serve", "--host", "0.0.0.0"], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "RUNOFF_TOKEN" in ended.stderr
