"""Starting vLLM: what can be said without one. The real server is in test_vllm.py."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from itertools import takewhile
from pathlib import Path

import pytest

from agents.errors import ServerNotStarted
from agents.models.flags import ENVIRONMENT, FLAGS, tool_parser, with_defaults
from agents.models.processes import descendants
from agents.models.serve import Serving, find_vllm, serve

PAGE = Path(__file__).parents[3] / "docs" / "vllm.md"

# Stands in for vLLM's program: an "API server" that asks no key of /health, and an "engine" of its own that ignores SIGTERM.
STAND_IN = """\
import http.server, os, signal, subprocess, sys
key = os.environ.get("VLLM_API_KEY")
engine = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
print("engine", engine.pid, flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"data": [{"id": "m"}]}'
        refused = key and self.path.startswith("/v1") and self.headers["authorization"] != f"Bearer {key}"
        self.send_response(401 if refused else 200)
        self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    program = tmp_path / "env" / "bin" / "vllm"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\n{STAND_IN}")
    program.chmod(0o755)
    return program


def test_what_is_given_goes_before_our_flags() -> None:
    ours = with_defaults("Qwen/Qwen3-8B", [])
    assert {flag.name for flag in FLAGS} < set(ours)
    assert ours[-2:] == ["--tool-call-parser", "hermes"]
    given = [
        "--no-enable-prefix-caching",
        "--scheduling_policy=fcfs",
        "--structured-outputs-config.backend",
        "guidance",
    ]
    mixed = with_defaults("m", given)
    assert mixed[-4:] == given
    assert not {"--enable-prefix-caching", "--scheduling-policy", "--structured-outputs-config"} & set(mixed)


@pytest.mark.parametrize(
    ("model", "parser"),
    [
        ("Qwen/Qwen2.5-Coder-7B-Instruct", "hermes"),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3_coder"),
        ("mistralai/Devstral-Small-2507", "mistral"),
        ("openai/gpt-oss-20b", "openai"),
        ("deepseek-ai/DeepSeek-V3.1", "deepseek_v31"),
    ],
)
def test_the_parser_fits_the_model(model: str, parser: str) -> None:
    assert tool_parser(model) == parser


def test_the_page_gives_a_reason_for_every_flag() -> None:
    page = PAGE.read_text()
    table = page[page.index("## The flags") : page.index("## What Runoff does")]
    for name in [*(flag.name for flag in FLAGS), "--tool-call-parser", *ENVIRONMENT]:
        assert re.search(rf"`[^`]*{name}\b[^`]*`.*\|.+\|", table), name


def test_where_vllm_is_found(stand_in: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_vllm(stand_in) == find_vllm(stand_in.parents[1]) == [str(stand_in)]
    monkeypatch.setenv("PATH", str(stand_in.parent))
    assert find_vllm() == [str(stand_in)]
    monkeypatch.chdir(stand_in.parent)
    assert find_vllm(Path("vllm")) == [str(stand_in)]
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerNotStarted, match="pip install vllm"):
        find_vllm()
    with pytest.raises(ServerNotStarted, match="is no program"):
        find_vllm(tmp_path)


def serving(stand_in: Path, port: int, **more: object) -> Serving:
    return Serving("m", [str(stand_in)], stand_in.parents[2] / "logs" / "log", port=port, **more)  # type: ignore[arg-type]


async def test_nothing_is_left_of_a_server_that_is_stopped(stand_in: Path, unused_tcp_port: int) -> None:
    before = descendants(os.getpid())
    async with serve(serving(stand_in, unused_tcp_port)) as server:
        engine = int(server.log_tail().split()[1])
        assert {server.pid, engine} <= descendants(os.getpid())
    assert descendants(os.getpid()) <= before
    assert not Path(f"/proc/{engine}").exists()


async def test_nothing_is_left_when_the_server_dies_or_the_start_is_given_up(
    stand_in: Path, unused_tcp_port: int
) -> None:
    before = descendants(os.getpid())
    async with serve(serving(stand_in, unused_tcp_port)) as server:
        os.kill(server.pid, signal.SIGKILL)
        assert await asyncio.wait_for(server.ended(), 5) == -signal.SIGKILL
    assert descendants(os.getpid()) <= before
    stand_in.write_text(f"#!{sys.executable}\nimport time\nprint('loading', flush=True)\ntime.sleep(600)\n")
    seen: list[str] = []
    with pytest.raises(ServerNotStarted, match="not ready after"):
        async with serve(serving(stand_in, unused_tcp_port, ready_s=1), lambda _, line: seen.append(line)):
            pass
    assert "loading" in seen
    assert descendants(os.getpid()) <= before


async def test_a_start_that_fails_says_why(stand_in: Path, unused_tcp_port: int) -> None:
    stand_in.write_text("#!/bin/sh\necho 'ValueError: no such model'\necho done\nexit 3\n")
    with pytest.raises(ServerNotStarted, match=r"status 3 .*ValueError: no such model .*the whole log: "):
        async with serve(serving(stand_in, unused_tcp_port)):
            pass
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", unused_tcp_port)
    async with taken:
        with pytest.raises(ServerNotStarted, match="--port"):
            async with serve(serving(stand_in, unused_tcp_port)):
                pass


@pytest.mark.parametrize(("key", "says"), [("sesame", "context None tokens"), ("", "OPENAI_API_KEY")])
def test_a_server_that_wants_a_key_is_ready_too(
    stand_in: Path, unused_tcp_port: int, tmp_path: Path, key: str, says: str
) -> None:
    command = [sys.executable, "-m", "api", "model", "serve", "m", "--vllm", str(stand_in)]
    command += ["--port", str(unused_tcp_port), "--log", str(tmp_path / "log")]
    environment = os.environ | {"RUNOFF_STATE_DIR": str(tmp_path / "state"), "VLLM_API_KEY": "sesame"}
    started = subprocess.Popen(
        command, env=environment | {"OPENAI_API_KEY": key}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    told = [*takewhile(lambda line: not line.startswith("stop it"), started.stdout)]
    started.terminate()
    assert started.wait(30) == 0
    assert told[0].startswith(f"ready: http://127.0.0.1:{unused_tcp_port}/v1, model m")
    assert says in "".join(told)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_ends_with_all_its_processes(
    stand_in: Path, unused_tcp_port: int, tmp_path: Path, number: int
) -> None:
    command = [sys.executable, "-m", "api", "model", "serve", "m", "--vllm", str(stand_in.parents[1])]
    command += ["--port", str(unused_tcp_port), "--log", str(tmp_path / "log")]
    environment = os.environ | {"RUNOFF_STATE_DIR": str(tmp_path / "state")}
    started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline().startswith(f"ready: http://127.0.0.1:{unused_tcp_port}/v1, model m")
    engine = int((tmp_path / "log").read_text().split()[1])
    (server,) = descendants(started.pid) - {engine}
    started.send_signal(number)
    assert started.wait(30) == (-number if number == signal.SIGKILL else 0)
    deadline = time.monotonic() + 5
    while _alive(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if number == signal.SIGKILL:  # the API server got SIGTERM; its engine is vLLM's own to end
        os.kill(engine, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_the_scratch_of_a_killed_server_goes_at_the_next_start(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, alive = scratch / f"runoff-vllm-{ended.pid}-a", scratch / f"runoff-vllm-{os.getppid()}-b"
    for place in (dead, alive):
        place.mkdir()
        (place / "socket").touch()
    async with serve(serving(stand_in, unused_tcp_port)):
        assert not dead.exists()
        assert alive.exists()
        assert len(list(scratch.iterdir())) == 2
    assert list(scratch.iterdir()) == [alive]
