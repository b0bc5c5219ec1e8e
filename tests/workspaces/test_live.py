"""What a process leaves behind is cleared by the next one, whatever was done to it; what lives is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workspaces import Live
from workspaces.live import alone, reap_dead
from workspaces.removal import remove_tree
from workspaces.repositories import forget_unused


def dead(state: Path) -> Path:
    """The directory of an owner that was killed."""
    program = "import os, sys; from pathlib import Path; from workspaces.live import scratch\n"
    program += "with scratch(Path(sys.argv[1])) as place: print(place, flush=True); os.kill(os.getpid(), 9)"
    ended = subprocess.run([sys.executable, "-c", program, str(state)], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return Path(ended.stdout.strip())


def nest(place: Path, depth: int, mode: int) -> None:
    """Directories within each other, from the innermost outwards, so that no path is too long."""
    inner = place / "0"
    inner.mkdir()
    (inner / "file").write_text("x")
    for number in range(1, depth):
        outer = place / f"{number}"
        outer.mkdir()
        inner.rename(outer / "inner")
        inner = outer
    if mode != 0o755:
        for level in range(depth - 1, -1, -1):
            inner.joinpath(*["inner"] * level).chmod(mode)


def test_a_tree_of_any_depth_and_any_modes_is_removed_and_no_link_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o755)
    (kept / "file").write_text("kept")
    tree = tmp_path / "tree"
    tree.mkdir()
    nest(tree, 1500, 0o755)
    (tree / "closed").mkdir()
    nest(tree / "closed", 5, 0o000)
    (tree / "closed").chmod(0o500)
    (tree / "link").symlink_to(kept)
    os.mkfifo(tree / "pipe")
    try:
        remove_tree(tree)
        remove_tree(tree)
        assert not tree.exists()
    finally:
        subprocess.run(["rm", "-rf", tree])  # pytest's own cleaning could not
    assert (kept / "file").read_text() == "kept"
    assert kept.stat().st_mode & 0o777 == 0o755


def test_what_one_dead_owner_left_does_not_stop_the_clearing_of_the_others(state: Path) -> None:
    first, second, third = sorted(dead(state) for _ in range(3))
    (first / "half.json").write_text('{"cgroups": ["/x')
    (first / "odd.json").write_text("[1]")
    resists = first / "group"
    (resists / "child").mkdir(parents=True)
    (second / "note.json").write_text(f'{{"cgroups": ["{resists}"]}}')
    nest(third, 5, 0o000)
    lines = reap_dead(state)
    assert not first.exists()
    assert not third.exists()
    assert sum(line.startswith("working directory") for line in lines) >= 2
    reap_dead(state)
    assert not second.exists()


def test_what_resists_is_not_called_removed_and_is_tried_again(state: Path, tmp_path: Path) -> None:
    root, group = dead(state), tmp_path / "group"
    (group / "child").mkdir(parents=True)
    (root / "note.json").write_text(f'{{"cgroups": ["{group}"]}}')
    lines = reap_dead(state)
    assert [line.startswith("not yet, it resists: ") for line in lines] == [True, True]
    (group / "child").rmdir()
    assert [line.split(":")[0] for line in reap_dead(state)] == [
        f"control group {group}",
        "working directory of a process that died",
    ]


def test_an_owner_is_never_taken_for_dead_while_it_appears(state: Path) -> None:
    over = threading.Event()

    def reap() -> list[str]:
        taken: list[str] = []
        while not over.is_set():
            taken += reap_dead(state)
        return taken

    with ThreadPoolExecutor(2) as threads:
        reapers = [threads.submit(reap) for _ in range(2)]
        try:
            for _ in range(300):
                live = Live.open(state)
                assert live.root.is_dir()
                live.close()
        finally:
            over.set()
        assert [each.result() for each in reapers] == [[], []]


def test_nothing_is_forgotten_while_somebody_else_uses_it(state: Path) -> None:
    checkout = state / "checkouts" / "repo-1"
    checkout.mkdir(parents=True)
    live = Live.open(state)
    assert forget_unused(state) == []
    with alone(live) as possible:
        assert possible
        opening = threading.Thread(target=lambda: Live.open(state).close())
        opening.start()
        opening.join(0.3)
        assert opening.is_alive()  # who begins now waits
    opening.join(10)
    live.close()
    assert forget_unused(state) == [f"checkouts {checkout}"]
    assert not checkout.exists()
    assert list((state / "live").iterdir()) == []


def test_a_note_is_whole_or_not_there(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.note("it", {"mounts": ["/one"]})

    def full(self: Path, text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="space"):
        live.note("it", {"mounts": ["/two"]})
    monkeypatch.undo()
    assert (live.root / "it.json").read_text() == '{"mounts": ["/one"]}'
