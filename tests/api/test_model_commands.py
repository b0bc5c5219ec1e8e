"""`runoff model …` as a person calls it."""

from pathlib import Path

import pytest

from tests.api.conftest import Runoff
from tests.vllm_server import VllmServer


def test_the_command_says_what_is_wrong(runoff: Runoff, tmp_path: Path) -> None:
    ended = runoff("model", "serve", "m", "--vllm", tmp_path / "nothing")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "is no program" in ended.stderr
    ended = runoff("model", "check", "--base-url", "127.0.0.1:8000")
    assert ended.returncode == 2
    assert "is no address of a model server" in ended.stderr


@pytest.mark.vllm
def test_check_finds_everything_in_order(vllm: VllmServer, runoff: Runoff) -> None:
    checked = runoff("model", "check", "--base-url", vllm.url)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = checked.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines), checked.stdout
    names = "endpoint model answers prefix cache structured output grammar tools logprobs n > 1 priority KV cache"
    assert " ".join(line.split(":")[0].removeprefix("ok").strip() for line in lines) == names
