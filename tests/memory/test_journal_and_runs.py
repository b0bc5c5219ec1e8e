import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memory import Journal, NotResumable, Runs, Store, StoreUnusable, UnknownRun


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "state")


def test_events_are_numbered_in_order_and_read_back_by_another_connection(store: Store) -> None:
    run_id = Runs(store).create({"repo": "/somewhere"})
    journal = Journal(store, run_id)
    journal.append("wave.started", {"wave": 1})
    journal.record("call.ended", name="hits", status="ok")
    with Store.open(store.state_dir) as other:
        events = Journal(other, run_id).events(after=1)
    assert [(event.seq, event.kind) for event in events] == [(2, "wave.started"), (3, "call.ended")]
    line = json.loads(events[1].as_json())
    assert (line["seq"], line["name"], line["status"]) == (3, "hits", "ok")


def test_a_run_is_what_its_journal_says(store: Store) -> None:
    runs = Runs(store)
    run_id = runs.create({"repo": "/somewhere"})
    assert runs.find(run_id).state == "running"
    journal = Journal(store, run_id)
    journal.append("verdict", {"winner": "c1"})
    journal.append("run.finished")
    record = runs.find("last")
    assert (record.id, record.state, record.verdict) == (run_id, "resolved", {"winner": "c1"})
    assert [listed.id for listed in runs.list()] == [run_id]


def test_a_run_without_a_winner_is_unresolved_and_a_failed_one_keeps_its_reason(store: Store) -> None:
    runs = Runs(store)
    without, failed = runs.create({}), runs.create({})
    Journal(store, without).append("verdict", {"winner": None})
    Journal(store, without).append("run.finished")
    Journal(store, failed).append("run.failed", {"error": "no tests found"})
    assert runs.find(without).state == "unresolved"
    assert (runs.find(failed).state, runs.find(failed).error) == ("failed", "no tests found")


def test_an_unknown_or_ambiguous_run_is_named_with_the_remedy(store: Store) -> None:
    runs = Runs(store)
    with pytest.raises(UnknownRun, match="runoff runs"):
        runs.find("nothing")
    runs.create({}), runs.create({})
    shared = os.path.commonprefix([record.id for record in runs.list()])
    with pytest.raises(UnknownRun, match="fits several"):
        runs.find(shared)


def test_what_was_journaled_survives_sigkill_and_the_run_counts_as_interrupted(store: Store) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from memory import Journal, Runs, Store
store = Store.open(Path(sys.argv[1]))
journal = Journal(store, Runs(store).create({}))
for number in range(100):
    journal.append("step", {"number": number})
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program, str(store.state_dir)])
    assert ended.returncode == -signal.SIGKILL
    record = Runs(store).find("last")
    assert record.state == "interrupted"
    assert [event.data.get("number") for event in Journal(store, record.id).events(after=1)] == list(range(100))


def test_a_run_that_one_process_goes_on_with_no_other_may_take(store: Store) -> None:
    run = Runs(store).create({})
    Journal(store, run).append("run.interrupted")
    program = "import sys; from pathlib import Path; from memory import Runs, Store\n"
    program += "print(Runs(Store.open(Path(sys.argv[1]))).reopen(sys.argv[2]).state, flush=True); input()"
    other = [sys.executable, "-c", program, str(store.state_dir), run]
    with subprocess.Popen(other, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "interrupted\n"
        with pytest.raises(NotResumable, match="running"):
            Runs(store).reopen(run)
        process.communicate("")
    assert Runs(store).reopen(run).id == run  # it has died without a word
    assert Runs(store).find(run).state == "running"


def test_a_state_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable, match="RUNOFF_STATE_DIR"):
        Store.open(tmp_path / "file" / "state")


def test_the_file_store_gives_back_what_was_put_and_notices_damage(store: Store) -> None:
    digest = store.files.put(b"a patch")
    assert store.files.put(b"a patch") == digest
    assert store.files.get(digest) == b"a patch"
    (kept,) = [path for path in (store.state_dir / "files").rglob("*") if path.is_file()]
    kept.write_bytes(b"another")
    with pytest.raises(StoreUnusable, match="damaged"):
        store.files.get(digest)
    with pytest.raises(StoreUnusable, match="not in the store"):
        store.files.get("0" * 64)
