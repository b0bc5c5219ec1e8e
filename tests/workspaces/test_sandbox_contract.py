"""What every sandbox promises, held against each provider."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workspaces.conftest import IMAGE, Start
from workspaces import Live, Sandbox, SandboxDied, SandboxProvider, SandboxSpec, reap
from workspaces.errors import ProtocolError, SandboxFileError
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.cgroups import hierarchies

MARK = f"{86400 + os.getpid()}.25"  # seconds that no other process on this machine sleeps, another run of these tests included


def sleepers() -> list[int]:
    """Processes of this machine that sleep for MARK seconds, wherever they hide."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if MARK.encode() in (path / "cmdline").read_bytes().split(b"\0"):
                found.append(int(path.name))
        except OSError:
            continue
    return found


async def gone(within_s: float) -> bool:
    """Whether no sleeper is left, at last."""
    deadline = time.monotonic() + within_s
    while sleepers() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return not sleepers()


async def appeared(within_s: float) -> bool:
    """Whether a sleeper is there, at last."""
    deadline = time.monotonic() + within_s
    while not sleepers() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return bool(sleepers())


def groups(name: str) -> list[Path]:
    """Control groups whose name begins like that, on either version of the interface."""
    return [found for parent in set(hierarchies().values()) for found in parent.glob(f"{name}*")]


# -- commands ---------------------------------------------------------------------------------------------------------


async def test_a_command_ends_with_its_exit_code_and_separate_streams(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    assert not result.ok
    assert not result.timed_out
    assert result.wall_s > 0


async def test_a_program_that_does_not_exist_gives_127_and_a_signal_128_and_more(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["no-such-program"])
    assert result.exit_code == 127
    assert b"no-such-program" in result.stderr
    assert (await sandbox.exec(["sh", "-c", "kill -TERM $$"])).exit_code == 128 + signal.SIGTERM


async def test_a_command_gets_its_input_directory_and_variables(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["sh", "-c", "cat; pwd; echo $GIVEN"], stdin=b"in\n", cwd="/tmp", env={"GIVEN": "1"})
    assert result.stdout == b"in\n/tmp\n1\n"


async def test_much_input_comes_back_whole(sandbox: Sandbox) -> None:
    data = os.urandom(3 << 20)
    result = await sandbox.exec(["cat"], stdin=data, output_limit=4 << 20)
    assert result.stdout == data


async def test_a_command_that_does_not_read_its_input_ends_all_the_same(sandbox: Sandbox) -> None:
    assert (await sandbox.exec(["true"], stdin=bytes(3 << 20))).exit_code == 0


async def test_commands_run_at_once(sandbox: Sandbox) -> None:
    first = asyncio.create_task(sandbox.exec(["sh", "-c", "until test -e /tmp/go; do sleep 0.01; done"], timeout_s=20))
    await sandbox.exec(["touch", "/tmp/go"])
    assert (await first).exit_code == 0


async def test_a_time_out_kills_every_descendant_and_keeps_the_output(sandbox: Sandbox) -> None:
    daemon = f"import os\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: os.execvp('sleep', ['sleep', '{MARK}'])"
    script = f'echo before; python3 -c "{daemon}"; (trap "" TERM INT; sleep {MARK}) & setsid sleep {MARK}'
    result = await sandbox.exec(["sh", "-c", script], timeout_s=1.0)
    assert result.timed_out
    assert (result.exit_code, result.stdout) == (137, b"before\n")
    assert sleepers() == []
    assert (await sandbox.exec(["true"])).ok


async def test_a_process_in_the_background_never_makes_exec_wait(sandbox: Sandbox) -> None:
    began = time.monotonic()
    result = await sandbox.exec(["sh", "-c", f"sleep {MARK} & echo done"], timeout_s=60)
    assert result.stdout == b"done\n"
    assert time.monotonic() - began < 30
    assert await appeared(5)  # the shell may end before what it forked has become `sleep`
    await sandbox.close()
    assert await gone(5)


async def test_output_beyond_the_limit_is_dropped(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["sh", "-c", "yes | head -c 5000000; echo end >&2"], output_limit=1000)
    assert result.truncated
    assert result.stdout == b"y\n" * 500
    assert result.stderr == b"end\n"
    endless = await sandbox.exec(["yes"], timeout_s=0.5, output_limit=1 << 20)
    assert endless.timed_out
    assert len(endless.stdout) == 1 << 20


async def test_cancelling_kills_the_command_and_its_descendants(sandbox: Sandbox) -> None:
    task = asyncio.create_task(sandbox.exec(["sh", "-c", f"sleep {MARK} & touch /tmp/began; wait"], timeout_s=600))
    await sandbox.exec(["sh", "-c", "until test -e /tmp/began; do sleep 0.01; done"])
    assert await appeared(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sleepers() == []


async def test_a_conversation(sandbox: Sandbox) -> None:
    program = "import sys\nfor line in sys.stdin: print(line.strip() * 2, flush=True)\nprint('bye'); sys.exit(4)"
    async with sandbox.open(["python3", "-c", program]) as process:
        lines = process.lines()
        await process.write(b"one\n")
        assert await anext(lines) == b"oneone"
        await process.write(b"two\n")
        assert await anext(lines) == b"twotwo"
        await process.close_stdin()
        assert [line async for line in lines] == [b"bye"]
        assert (await process.wait()).exit_code == 4


async def test_leaving_a_conversation_kills_the_program(sandbox: Sandbox) -> None:
    async with sandbox.open(["sh", "-c", f"echo here; sleep {MARK}"]) as process:
        assert await anext(process.lines()) == b"here"
    assert sleepers() == []


async def test_a_conversation_that_nobody_reads_fails_and_its_program_is_killed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaces.sandbox.link._BACKLOG", 1 << 20)
    async with sandbox.open(["sh", "-c", f"sleep {MARK} & exec yes"]) as process:
        with pytest.raises(ProtocolError, match="nobody read"):
            await process.wait()
        assert await appeared(5)
    assert sleepers() == []


# -- files --------------------------------------------------------------------------------------------------------------


async def test_files_go_in_and_out(sandbox: Sandbox, workspace: Path) -> None:
    assert await sandbox.read_file("/workspace/hello.txt") == b"hello\n"
    data = os.urandom(300_000)
    await sandbox.write_file("/workspace/new/deep/data.bin", data, executable=True)
    assert await sandbox.read_file("/workspace/new/deep/data.bin") == data
    assert (workspace / "new/deep/data.bin").read_bytes() == data
    assert os.access(workspace / "new/deep/data.bin", os.X_OK)


async def test_a_file_that_cannot_be_read_or_written_says_why(sandbox: Sandbox) -> None:
    await sandbox.exec(["sh", "-c", "mkfifo /workspace/fifo; ln -s /etc/shadow /workspace/link"])
    for path, says in (("none", "not found"), ("fifo", "regular"), ("link", "not found|denied")):
        with pytest.raises(SandboxFileError, match=says):
            await sandbox.read_file(f"/workspace/{path}")
    with pytest.raises(SandboxFileError, match="more than the limit"):
        await sandbox.read_file("/workspace/hello.txt", limit=3)
    with pytest.raises(SandboxFileError):
        await sandbox.write_file("/usr/bin/evil", b"x")


# -- what it may not see or do ----------------------------------------------------------------------------------------------


async def test_nothing_of_the_hosts_environment_or_files_is_there(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    monkeypatch.setenv("RUNOFF_SECRET", "s3cret")
    result = await sandbox.exec(["sh", "-c", f"env; cat {secret}; cat /proc/*/environ; cat /proc/*/cmdline; ls /root"])
    assert b"s3cret" not in result.stdout
    assert b"SECRET" not in result.stdout
    assert result.exit_code != 0


async def test_there_is_no_network_not_even_the_hosts_loopback(sandbox: Sandbox) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        program = (
            "import socket\n"
            f"for where in (('127.0.0.1', {port}), ('1.1.1.1', 53), ('deb.debian.org', 80)):\n"
            " try: socket.create_connection(where, 2); print('open', where)\n"
            " except OSError: pass\n"
            "print(sorted(name for _, name in socket.if_nameindex()))"
        )
        result = await sandbox.exec(["python3", "-c", program], timeout_s=30)
    assert result.stdout == b"['lo']\n", result


async def test_a_command_has_no_privileges_and_can_gain_none(sandbox: Sandbox) -> None:
    result = await sandbox.exec(["sh", "-c", "id -u; grep -E '^(CapEff|CapPrm|CapInh|NoNewPrivs)' /proc/self/status"])
    lines = result.stdout.decode().split()
    assert lines[0] != "0"
    assert lines[1:] == ["CapInh:", "0" * 16, "CapPrm:", "0" * 16, "CapEff:", "0" * 16, "NoNewPrivs:", "1"]
    attempt = await sandbox.exec(
        ["sh", "-c", "touch /usr/x /etc/x; mount -t tmpfs none /mnt; unshare -n true; chroot / true"]
    )
    assert attempt.exit_code != 0
    assert (await sandbox.exec(["sh", "-c", "ls /usr/x /etc/x"])).exit_code != 0


async def test_killing_everything_kills_only_what_is_inside(
    sandbox: Sandbox, provider: SandboxProvider, workspace: Path
) -> None:
    other = await provider.start(SandboxSpec(workspace))
    await sandbox.exec(["sh", "-c", "kill -9 -1"], timeout_s=10)
    assert (await other.exec(["true"])).ok
    await other.close()
    assert (await sandbox.exec(["true"])).ok


FORGE = """
import json, os
for fd in (1, 2, 3):
    for text in ("ready\\n", json.dumps({"child-pid": %d}) + "ready\\n"):
        try:
            with open(f"/proc/1/fd/{fd}", "w") as pipe:
                pipe.write(text)
        except OSError:
            pass
"""


async def test_what_a_command_writes_to_process_1_reaches_nobody_on_the_host(sandbox: Sandbox, start: Start) -> None:
    """Without root the first process of a bubblewrap sandbox is the commands' own user's, and so are its pipes."""
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        await sandbox.exec(["python3", "-c", FORGE % bystander.pid])
        other = await start()
        assert (await other.exec(["true"])).ok
        assert (await sandbox.exec(["true"])).ok
        await other.close()
        await sandbox.close()
        await asyncio.sleep(0.1)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


# -- limits ---------------------------------------------------------------------------------------------------------------


async def test_memory_is_limited_and_the_sandbox_survives(start: Start) -> None:
    sandbox = await start(memory_bytes=64 << 20)
    result = await sandbox.exec(["python3", "-c", "x = bytearray(300 << 20); print(len(x))"], timeout_s=30)
    assert not result.ok
    assert result.stdout == b""
    assert (await sandbox.exec(["echo", "alive"])).stdout == b"alive\n"
    await sandbox.close()


async def test_processes_are_limited_and_a_fork_bomb_ends_with_its_time(start: Start) -> None:
    sandbox = await start(processes=50)
    count = """
import os, time
n = 0
try:
    while n < 500:
        if os.fork() == 0:
            time.sleep(9)
            os._exit(0)
        n += 1
except OSError:
    pass
print(n, flush=True)
os.kill(0, 9)  # all of them
"""
    result = await sandbox.exec(["python3", "-c", count], timeout_s=5)
    assert int(result.stdout or b"0") < 60
    bomb = "import os\nwhile True:\n try: os.fork()\n except OSError: pass"
    assert (await sandbox.exec(["python3", "-c", bomb], timeout_s=2)).timed_out
    assert (await sandbox.exec(["true"], timeout_s=20)).ok
    await sandbox.close()


async def test_disk_is_limited_in_tmp_and_for_a_file_of_the_workspace(start: Start) -> None:
    sandbox = await start(tmp_bytes=8 << 20, disk_bytes=8 << 20)
    for place in ("/tmp", "/workspace"):
        result = await sandbox.exec(["sh", "-c", f"head -c 20000000 /dev/zero > {place}/big; stat -c %s {place}/big"])
        assert int(result.stdout) <= 8 << 20, place
    await sandbox.close()


async def test_disk_is_limited_for_all_files_of_the_workspace_together(start: Start, state: Path) -> None:
    sandbox = await start(disk_bytes=8 << 20)
    write = "n=0; while :; do head -c 1000000 /dev/zero > /workspace/$n || exit 1; n=$((n + 1)); sleep 0.05; done"
    with pytest.raises(SandboxDied, match="workspace has grown"):
        await sandbox.exec(["sh", "-c", write], timeout_s=60)
    with pytest.raises(SandboxDied):
        await sandbox.exec(["true"])
    assert sum(path.stat().st_size for path in (state / "workspace").iterdir()) < 80 << 20
    await sandbox.close()


async def test_half_a_core_is_half_a_core(start: Start, provider: SandboxProvider) -> None:
    if provider.name == "bubblewrap" and "cpu" not in hierarchies():
        pytest.skip("bubblewrap limits CPU with control groups, which this user may not make")
    sandbox = await start(cpus=0.5)
    spin = "import time\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
    result = await sandbox.exec(["python3", "-c", spin], timeout_s=30)
    assert result.cpu_s < 1.2
    await sandbox.close()


# -- the end ----------------------------------------------------------------------------------------------------------------


async def test_close_may_be_called_twice_and_leaves_nothing(start: Start, state: Path) -> None:
    sandbox = await start()
    running = asyncio.create_task(sandbox.exec(["sleep", MARK], timeout_s=600))
    while not sleepers():
        await asyncio.sleep(0.01)
    assert bool(groups(sandbox.id)) == (sandbox.provider == "bubblewrap" and bool(hierarchies()))
    await sandbox.close()
    await sandbox.close()
    with pytest.raises(SandboxDied):
        await running
    assert await gone(5)
    with pytest.raises(SandboxDied):
        await sandbox.exec(["true"])
    assert not list((state / "live").glob("*/*sandbox*.json"))
    assert groups(sandbox.id) == []


async def test_many_sandboxes_at_once(provider: SandboxProvider, workspace: Path) -> None:
    number = 16 if provider.name == "bubblewrap" else 3
    sandboxes = await asyncio.gather(*(provider.start(SandboxSpec(workspace)) for _ in range(number)))
    results = await asyncio.gather(*(each.exec(["sh", "-c", f"echo {n}"]) for n, each in enumerate(sandboxes)))
    assert [result.stdout for result in results] == [b"%d\n" % n for n in range(number)]
    await asyncio.gather(*(each.close() for each in sandboxes))


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.02, 0.04, 0.08, 0.2])
async def test_a_start_that_is_cancelled_leaves_nothing(
    provider: SandboxProvider, workspace: Path, live: Live, moment: float
) -> None:
    starting = asyncio.create_task(provider.start(SandboxSpec(workspace)))
    await asyncio.sleep(moment)
    starting.cancel()
    try:
        sandbox = await starting
    except asyncio.CancelledError:
        pass
    else:
        await sandbox.close()
    await provider.close()
    assert groups(live.owner) == []
    if provider.name == "docker":
        listing = ["docker", "ps", "-aq", "--filter", f"name={live.owner}"]
        assert subprocess.run(listing, capture_output=True, check=True).stdout == b""


@pytest.mark.bubblewrap
async def test_one_sandbox_that_cannot_be_closed_does_not_keep_the_others(live: Live, workspace: Path) -> None:
    if not hierarchies():
        pytest.skip("this user may not make the control groups that one could be stuck in")
    provider = Bubblewrap(live)
    first, second = [await provider.start(SandboxSpec(workspace)) for _ in range(2)]
    assert len(groups(second.id)) == len(groups(first.id)) > 0
    stuck = groups(first.id)[0] / "stuck"
    stuck.mkdir()
    try:
        with pytest.raises(OSError, match="busy"):
            await provider.close()
        assert groups(second.id) == []
    finally:
        stuck.rmdir()
        for left in groups(first.id):
            left.rmdir()


OWNER = """
import asyncio, sys
from pathlib import Path
from workspaces import Live, SandboxSpec
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.docker import Docker

async def main():
    live = Live.open(Path(sys.argv[1]))
    provider = Bubblewrap(live) if sys.argv[2] == "bubblewrap" else Docker(live, sys.argv[3])
    sandbox = await provider.start(SandboxSpec(Path(sys.argv[4])))
    await sandbox.exec(["sh", "-c", "setsid sleep %s & sleep %s"], timeout_s=600)

asyncio.run(main())
"""


async def test_killing_the_owner_leaves_nothing_once_the_next_one_starts(
    provider: SandboxProvider, state: Path, workspace: Path
) -> None:
    program = OWNER % (MARK, MARK)
    owner = subprocess.Popen([sys.executable, "-c", program, str(state), provider.name, IMAGE, str(workspace)])
    try:
        while len(sleepers()) < 2:
            assert owner.poll() is None
            await asyncio.sleep(0.02)
    finally:
        owner.kill()
        owner.wait()
    within_s = 2 if provider.name == "bubblewrap" else 15
    assert await gone(within_s)
    await reap(state)
    assert [path.name for path in (state / "live").iterdir()] == [
        path.name for path in (state / "live").glob(f"{os.getpid()}-*")
    ]
    assert groups(f"{owner.pid}-") == []
    if provider.name == "docker":
        names = subprocess.run(
            ["docker", "ps", "-aq", "--filter", f"name={owner.pid}-"], capture_output=True, check=True
        )
        assert names.stdout == b""
