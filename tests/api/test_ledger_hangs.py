"""A ledger's server that hangs in the middle of a run: the service goes on, and so does the run, or it says why not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from memory import Budget, Journal, Ledger, Store, bill_of
from tests.api.test_model_resolve import MAILROOM, repository, script_of
from tests.api.test_service import TOKEN, serve
from tests.memory.test_redis_book import Server, server  # noqa: F401  (a fixture)

pytestmark = [pytest.mark.bubblewrap, pytest.mark.redis]
SLOW = 'Wait.\n```\nr = run(command="sleep 1")\n```'


@contextmanager
def hung_run(place: Path, server: Server, ledger_s: int) -> Iterator[tuple[httpx.Client, str]]:  # noqa: F811
    """A service, and its run that has made one call of its model when the server stops to answer."""
    issue = repository("mailroom", place / "repo")
    model = script_of(place / "script.json", [SLOW, *MAILROOM])
    more = {"RUNOFF_MODEL": model, "RUNOFF_TRAJECTORIES": "1", "RUNOFF_WORKERS": "1"}
    serving = serve(place, RUNOFF_TOKEN=TOKEN, RUNOFF_LEDGER=server.url, RUNOFF_LEDGER_S=str(ledger_s), **more)
    client = next(serving)
    text = Path(issue).read_text() if Path(issue).is_file() else issue
    run_id = client.post("/v1/runs", json={"repo": str(place / "repo"), "issue": text}).json()["id"]
    with client.stream("GET", f"/v1/runs/{run_id}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and json.loads(line.removeprefix("data:"))["kind"] == "model.called":
                break
    server.hang()
    try:
        yield client, run_id
    finally:
        server.go_on()
        with pytest.raises(StopIteration):
            next(serving)


def ended(client: httpx.Client, run_id: str, *, within_s: float) -> dict[str, object]:
    """The run when it has ended, asked for again and again; no answer of the service may take long."""
    end = time.monotonic() + within_s
    while True:
        began = time.monotonic()
        run: dict[str, object] = client.get(f"/v1/runs/{run_id}").json()
        assert time.monotonic() - began < 1, "the service was held up"
        if run["state"] not in ("running", "needs_input") or began > end:
            return run
        time.sleep(0.05)


def test_the_run_goes_on_when_the_server_does(server: Server, tmp_path: Path) -> None:  # noqa: F811
    with hung_run(tmp_path, server, ledger_s=20) as (client, run_id):
        assert ended(client, run_id, within_s=3)["state"] == "running"
        server.go_on()
        assert ended(client, run_id, within_s=60)["state"] == "resolved"
    with Store.open(tmp_path / "state") as store, Ledger(store, run_id, Budget(), url=server.url) as book:
        events = Journal(store, run_id).events()
        bill = bill_of(events)
        assert book.bill().stages == bill.stages
        assert book._book.used() == bill.total.units(), "nothing is reserved any longer"
    calls = [event.data["tokens"] for event in events if event.kind == "model.called"]
    assert bill.total.tokens == sum(each["prompt"] + each["completion"] for each in calls)


def test_without_an_answer_the_run_ends_and_says_what_to_do(server: Server, tmp_path: Path) -> None:  # noqa: F811
    with hung_run(tmp_path, server, ledger_s=2) as (client, run_id):
        run = ended(client, run_id, within_s=20)
        assert run["state"] == "interrupted"
        assert "did not answer within 2 s (RUNOFF_LEDGER_S); see to that server" in str(run["error"])
        assert f"runoff resume {run_id}" in str(run["error"])
