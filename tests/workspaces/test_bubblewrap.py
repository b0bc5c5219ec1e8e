"""bwrap is many steps of which each may be the last: whenever its owner ends, in order or not, nothing of it stays."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workspaces import Live, SandboxSpec, reap
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.cgroups import hierarchies
from workspaces.sandbox.link import ProcessChannel

pytestmark = pytest.mark.bubblewrap


def marked(owner: str) -> list[str]:
    """bwrap's processes that belong to an owner, and its control groups."""
    found = [str(path) for parent in hierarchies().values() for path in parent.glob(f"{owner}-*")]
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"RUNOFF_SANDBOX={owner}-".encode() in (place / "environ").read_bytes():
                found.append((place / "cmdline").read_text())
        except OSError:
            continue
    return found


async def test_a_start_that_is_cancelled_at_any_moment_leaves_no_process(live: Live, workspace: Path) -> None:
    provider = Bubblewrap(live)
    await (await provider.start(SandboxSpec(workspace))).close()
    for moment in range(60):
        starting = asyncio.create_task(provider.start(SandboxSpec(workspace)))
        await asyncio.sleep(moment / 2000)
        starting.cancel()
        began = time.monotonic()
        try:
            await (await starting).close()
        except asyncio.CancelledError:
            pass
        assert time.monotonic() - began < 5
        assert marked(live.owner) == []
        assert list(live.root.glob("*.json")) == []
    await provider.close()


async def test_a_command_whose_caller_is_cancelled_before_it_has_begun_does_not_run(
    live: Live, workspace: Path
) -> None:
    """The request is in the pipe already, which the supervisor, held up, has not read."""
    provider = Bubblewrap(live)
    sandbox = await provider.start(SandboxSpec(workspace))
    assert provider._link is not None
    channel = provider._link._channel
    assert isinstance(channel, ProcessChannel)
    argv = ["sh", "-c", "exec sleep 600", *(["x" * 100_000] * 4)]
    channel._process.send_signal(signal.SIGSTOP)
    try:
        running = asyncio.create_task(sandbox.exec(argv))
        await asyncio.sleep(0.1)
        assert not running.done()
        running.cancel()
        await asyncio.sleep(0.1)
    finally:
        channel._process.send_signal(signal.SIGCONT)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 10)
    await asyncio.sleep(0.5)
    listed = await sandbox.exec(["sh", "-c", "cat /proc/[0-9]*/comm"])
    assert listed.stdout.split().count(b"sleep") == 1  # process 1's own
    await sandbox.close()
    await provider.close()


OWNER = """
import asyncio, sys
from pathlib import Path
from workspaces import Live, SandboxSpec
from workspaces.sandbox.bubblewrap import Bubblewrap

async def main():
    live = Live.open(Path(sys.argv[1]))
    provider = Bubblewrap(live)
    print(live.owner, flush=True)
    while True:
        await asyncio.gather(*(provider.start(SandboxSpec(Path(sys.argv[2]))) for _ in range(4)))

asyncio.run(main())
"""


async def test_an_owner_that_is_killed_while_sandboxes_start_leaves_nothing_to_the_next_one(
    state: Path, workspace: Path
) -> None:
    names = []
    for moment in range(12):
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(state), str(workspace)], stdout=subprocess.PIPE, text=True
        )
        assert owner.stdout is not None
        names.append(owner.stdout.readline().strip())
        time.sleep(moment / 60)  # from before its supervisor is forked until after sandboxes run
        owner.kill()
        owner.communicate()
        await reap(state)
        assert marked(names[-1]) == []
        assert list((state / "live").iterdir()) == []
    time.sleep(0.2)
    assert [each for name in names for each in marked(name)] == []  # nor has one come up since
    assert list((state / "live").iterdir()) == []


@pytest.mark.parametrize("moment", ["before", "while it starts"])
async def test_a_sandbox_starts_though_the_supervisor_dies(state: Path, workspace: Path, moment: str) -> None:
    live = Live.open(state)
    provider = Bubblewrap(live)
    first = await provider.start(SandboxSpec(workspace))
    assert provider._link is not None
    channel = provider._link._channel
    assert isinstance(channel, ProcessChannel)
    channel._process.send_signal(signal.SIGKILL if moment == "before" else signal.SIGSTOP)
    starting = asyncio.create_task(provider.start(SandboxSpec(workspace)))
    await asyncio.sleep(0 if moment == "before" else 0.1)
    channel._process.send_signal(signal.SIGKILL)
    second = await asyncio.wait_for(starting, 20)
    await first.close()
    assert (await second.exec(["true"])).ok
    assert second.id != first.id
    await provider.close()
    live.close()
    assert marked(live.owner) == []
    assert not live.root.exists()


async def test_closing_ends_what_a_supervisor_that_was_killed_left(state: Path, workspace: Path) -> None:
    """Also bwrap itself, where it is stopped and so does not see that its parent is gone."""
    live = Live.open(state)
    provider = Bubblewrap(live)
    await provider.start(SandboxSpec(workspace))
    assert provider._link is not None
    stray = subprocess.Popen(["sleep", "600"], env={**os.environ, "RUNOFF_SANDBOX": f"{live.owner}-sandbox-1"})
    await provider._link.close()
    await provider.close()
    live.close()
    assert stray.wait(5) == -9
    assert marked(live.owner) == []
    assert not live.root.exists()
