"""A real vLLM server on the CPU, with the tiny model of tests/vllm.sh, started and stopped by `runoff model serve`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PLACE = Path(os.environ.get("RUNOFF_TEST_VLLM") or Path.home() / ".cache" / "runoff-vllm")
MODEL = "tiny"
CONTEXT = 32_768
QUICK = [
    "--served-model-name",
    MODEL,
    "--enforce-eager",
    "--dtype",
    "bfloat16",
]  # no compilation: it starts in a minute
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}  # GiB: 524,288 tokens
_READY_S = 600


class VllmServer:
    """One server at a fixed port. It can be killed and started again."""

    def __init__(self, state: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.state = state
        self.output = state / "serve.out"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it is ready."""
        command = [sys.executable, "-m", "api", "model", "serve", str(PLACE / "tiny")]
        command += ["--vllm", str(PLACE / "venv"), "--port", str(self.port), "--", *QUICK]
        environment = os.environ | ENVIRONMENT | {"RUNOFF_STATE_DIR": str(self.state)}
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + _READY_S
        while "ready: " not in self.output.read_text():
            assert self._process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.2)

    def processes(self) -> list[int]:
        """Everything that belongs to the server, vLLM's API server first."""
        marked = f"\0{self.port}\0".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and marked in (entry / "cmdline").read_bytes() and self._is_vllm(entry):
                    found.append(int(entry.name))
            except OSError:
                continue
        sessions = set(found)
        for entry in Path("/proc").iterdir():  # the engine has another name, but the session of the API server
            try:
                if entry.name.isdigit() and os.getsid(int(entry.name)) in sessions and int(entry.name) not in found:
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    @staticmethod
    def _is_vllm(entry: Path) -> bool:
        return str(PLACE / "venv").encode() in (entry / "cmdline").read_bytes().split(b"\0serve\0")[0]

    def ended(self) -> int:
        """Wait until `runoff model serve` has ended by itself; returns its exit status."""
        assert self._process is not None
        return self._process.wait(60)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End `runoff model serve`; returns its exit status."""
        if self._process is None:
            return 0
        self._process.send_signal(number)
        return self._process.wait(60)
