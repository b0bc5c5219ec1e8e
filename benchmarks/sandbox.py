"""What a sandbox costs, beside what a user would pick instead, as ratios in one run.

    python benchmarks/sandbox.py [--json] [--image NAME] [--only bubblewrap docker]

start      workspace and sandbox ready for the first command; memory held by each; many at once
exec       `true` in a running sandbox, beside `bwrap … true`, `docker exec` and the docker library's exec_run
output     1 MB of output
time-out   how late it is, and what survives
owner      how long processes outlive a SIGKILL of their owner
flood      memory of the supervisor while `yes` runs, in multiples of the output limit
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which planner.py is no package

import docker as docker_library

from workspaces import Checkout, Limits, Live, Repositories, Sandbox, SandboxProvider, SandboxSpec, Workspaces, reap
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.docker import Docker

MARK = "86398.75"  # seconds that nothing else here sleeps
PLAIN_BWRAP = [
    "bwrap",
    "--unshare-all",
    "--die-with-parent",
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/bin",
    "/bin",
    "--symlink",
    "usr/lib",
    "/lib",
    "--symlink",
    "usr/lib64",
    "/lib64",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
    "--clearenv",
    "--setenv",
    "PATH",
    "/usr/bin",
    "true",
]


async def p50(times: int, work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of the median."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken) * 1000, 2)


async def program(argv: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if await process.wait() != 0:
        raise RuntimeError(f"{argv[0]} failed")


def sleepers() -> int:
    """Processes of this machine that sleep for MARK seconds."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += MARK.encode() in path.read_bytes().split(b"\0")
        except OSError:
            continue
    return count


def memory_kib(pids: list[int]) -> int:
    """Proportional set size of processes, which counts a shared page once; of one that has ended, nothing."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def below(pid: int) -> list[int]:
    """All descendants of a process, but for those that end meanwhile."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children += [int(child) for child in path.read_text().split()]
    return children + [each for child in children for each in below(child)]


async def start(provider: SandboxProvider, checkout: Checkout, live: Live) -> tuple[Sandbox, AsyncExitStack]:
    """A workspace and a sandbox on it; the stack closes both."""
    stack = AsyncExitStack()
    workspace = await Workspaces(live).create(checkout)
    stack.push_async_callback(workspace.close)
    sandbox = await provider.start(SandboxSpec(workspace.path, limits=Limits(cpus=2)))
    stack.push_async_callback(sandbox.close)
    return sandbox, stack


async def starts(provider: SandboxProvider, checkout: Checkout, live: Live, many: int) -> dict[str, Any]:
    """One after the other; then many at once, with the memory that each of them holds."""
    taken = []
    for _ in range(20 if many > 8 else 3):
        began = time.perf_counter()
        _, stack = await start(provider, checkout, live)
        taken.append(time.perf_counter() - began)
        await stack.aclose()
    before = memory_kib(below(os.getpid()))
    began = time.perf_counter()
    opened = await asyncio.gather(*(start(provider, checkout, live) for _ in range(many)))
    wall = time.perf_counter() - began
    held = (memory_kib(below(os.getpid())) - before) / many if provider.name == "bubblewrap" else None
    await asyncio.gather(*(stack.aclose() for _, stack in opened))
    figures = {
        "start_p50_ms": round(statistics.median(taken) * 1000, 1),
        f"starts_per_s_at_{many}": round(many / wall, 1),
    }
    return figures | ({"memory_each_kib": round(held)} if held is not None else {})


async def commands(sandbox: Sandbox) -> dict[str, Any]:
    """Commands in a running sandbox."""
    big = ["sh", "-c", "head -c 1000000 /dev/zero"]
    late = time.perf_counter()
    result = await sandbox.exec(["sh", "-c", f"echo before; setsid sleep {MARK} & sleep {MARK}"], timeout_s=0.5)
    late = time.perf_counter() - late - 0.5
    assert result.timed_out
    assert result.stdout == b"before\n"
    return {
        "exec_true_p50_ms": await p50(100, lambda: sandbox.exec(["true"])),
        "output_1mb_p50_ms": await p50(20, lambda: sandbox.exec(big, output_limit=2 << 20)),
        "timeout_overshoot_ms": round(late * 1000, 1),
        "timeout_survivors": sleepers(),
    }


async def flood(sandbox: Sandbox) -> dict[str, Any]:
    """How much this process and the supervisor grow while a command prints without end."""
    limit = 8 << 20
    pids = [os.getpid(), *below(os.getpid())]
    before, most = memory_kib(pids), 0
    running = asyncio.create_task(sandbox.exec(["yes"], timeout_s=2.0, output_limit=limit))
    while not running.done():
        most = max(most, memory_kib(pids))
        await asyncio.sleep(0.05)
    return {"flood_memory_over_limit": round((most - before) * 1024 / limit, 2)}


OWNER = """
import asyncio, sys
from pathlib import Path
from workspaces import Live, SandboxSpec
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.docker import Docker

async def main():
    state, kind, image, workspace, mark = sys.argv[1:]
    live = Live.open(Path(state))
    provider = Bubblewrap(live) if kind == "bubblewrap" else Docker(live, image)
    sandbox = await provider.start(SandboxSpec(Path(workspace)))
    await sandbox.exec(["sh", "-c", f"setsid sleep {mark} & sleep {mark}"], timeout_s=600)

asyncio.run(main())
"""


async def killed_owner(kind: str, image: str, state: Path) -> dict[str, Any]:
    """Milliseconds until nothing is left of a sandbox whose owner got SIGKILL."""
    workspace = state / "owned"
    workspace.mkdir(exist_ok=True)
    workspace.chmod(0o777)
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(state), kind, image, str(workspace), MARK])
    try:
        while sleepers() < 2:
            if owner.poll() is not None:
                raise RuntimeError("the owner of the sandbox has ended by itself")
            await asyncio.sleep(0.01)
    finally:
        owner.kill()
        began = time.perf_counter()
        owner.wait()
    while sleepers() and time.perf_counter() - began < 30:
        await asyncio.sleep(0.005)
    return {
        "owner_killed_all_gone_ms": round((time.perf_counter() - began) * 1000),
        "owner_killed_survivors": sleepers(),
    }


async def instead_of_bubblewrap() -> dict[str, Any]:
    """A bwrap for every command."""
    return {"bwrap_for_each_true_p50_ms": await p50(30, lambda: program(PLAIN_BWRAP))}


async def instead_of_docker(image: str) -> dict[str, Any]:
    """`docker exec` and the library's exec_run in a container that sleeps; `docker run` for every command."""
    client = docker_library.from_env()
    container = client.containers.run(image, ["sleep", "600"], detach=True, network_mode="none", auto_remove=True)
    try:
        name = container.name or ""
        return {
            "docker_exec_true_p50_ms": await p50(10, lambda: program(["docker", "exec", name, "true"])),
            "library_exec_true_p50_ms": await p50(10, lambda: asyncio.to_thread(container.exec_run, ["true"])),
            "docker_run_true_p50_ms": await p50(
                3, lambda: program(["docker", "run", "--rm", "--network=none", image, "true"])
            ),
        }
    finally:
        container.remove(force=True)
        client.close()


async def measure(kind: str, image: str, state: Path) -> dict[str, Any]:
    repo = state / "repo"
    if not repo.exists():
        repo.mkdir()
        (repo / "a.py").write_text("a = 1\n")
        git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.org"]
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "base"]):
            subprocess.run([*git, *command], cwd=repo, check=True)
    checkout = await Repositories(state).checkout(await Repositories.inspect(repo), None)
    live = Live.open(state)
    provider: SandboxProvider = Bubblewrap(live) if kind == "bubblewrap" else Docker(live, image)
    try:
        figures = await starts(provider, checkout, live, 64 if kind == "bubblewrap" else 4)
        sandbox, stack = await start(provider, checkout, live)
        async with stack:
            figures |= await commands(sandbox)
            if kind == "bubblewrap":
                figures |= await flood(sandbox)
    finally:
        await provider.close()
        live.close()  # also what a measurement that failed has left open
    figures |= await killed_owner(kind, image, state)
    if kind == "bubblewrap":
        figures |= await instead_of_bubblewrap()
        figures["bwrap_for_each_over_ours"] = ratio(figures, "bwrap_for_each_true_p50_ms")
    else:
        figures |= await instead_of_docker(image)
        figures["docker_exec_over_ours"] = ratio(figures, "docker_exec_true_p50_ms")
        figures["library_exec_over_ours"] = ratio(figures, "library_exec_true_p50_ms")
    return figures


def ratio(figures: dict[str, Any], other: str) -> float:
    return round(float(figures[other] / figures["exec_true_p50_ms"]), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", default="runoff-test:latest", help="for docker; it holds python3")
    parser.add_argument("--only", nargs="*", choices=["bubblewrap", "docker"], default=["bubblewrap", "docker"])
    parser.add_argument("--json", action="store_true", help="one object with every figure")
    arguments = parser.parse_args()
    found: dict[str, Any] = {"cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as state:
        Path(state).chmod(0o755)
        for kind in arguments.only:
            if shutil.which({"bubblewrap": "bwrap"}.get(kind, kind)) is None:
                print(f"{kind} is left out: it is not installed", file=sys.stderr)
                continue
            try:
                found[kind] = asyncio.run(measure(kind, arguments.image, Path(state)))
            finally:
                asyncio.run(reap(Path(state)))  # what the owner that was killed left
    if arguments.json:
        print(json.dumps(found))
        return
    for kind, figures in found.items():
        rows = figures.items() if isinstance(figures, dict) else [(kind, figures)]
        print("\n".join(f"{kind:12}{name:34}{value}" for name, value in rows))


if __name__ == "__main__":
    main()
