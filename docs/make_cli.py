"""Write docs/cli.md from the commands' own help, so that the page cannot disagree with the program.

usage: python docs/make_cli.py          (a test fails when the page is out of date)
"""

from __future__ import annotations

import os
from pathlib import Path

import typer
from typer.testing import CliRunner

PAGE = Path(__file__).parent / "cli.md"
_INTRODUCTION = """# Command line

Made by `python docs/make_cli.py` from each command's `--help`.

Settings come from the command line, else from the environment (`RUNOFF_STATE_DIR`, `RUNOFF_SANDBOX`, `RUNOFF_IMAGE`,
`RUNOFF_IMAGES`, `RUNOFF_PYTHON`, `RUNOFF_USE_REPOSITORY_VENV`, `RUNOFF_BUDGET`, `RUNOFF_LEDGER`, `RUNOFF_LEDGER_S`,
`RUNOFF_WORKERS`,
`RUNOFF_MODEL`, `RUNOFF_BASE_URL`, `RUNOFF_VLLM`, …), else from `OPENAI_BASE_URL`, else from `$XDG_CONFIG_HOME/runoff/config.toml`
(`sandbox = "docker"`), else from the defaults. A model's key comes from `OPENAI_API_KEY` alone.
"""


def render() -> str:
    """The page's text."""
    from api.cli import app

    sections = [_section(["runoff"], [])]
    sections += [_section(["runoff", *words], words) for words in _words(typer.main.get_command(app))]
    return "\n".join([_INTRODUCTION, *sections])


def _words(command: object) -> list[list[str]]:
    """The words of each command below a group, a group's own before those of its members."""
    members: dict[str, object] = getattr(command, "commands", {})
    return [
        words for name, member in members.items() for words in ([name], *([name, *more] for more in _words(member)))
    ]


def _section(title: list[str], arguments: list[str]) -> str:
    from api.cli import app

    os.environ.update({"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
    shown = CliRunner().invoke(app, [*arguments, "--help"], prog_name="runoff", catch_exceptions=False).output
    body = "\n".join(line.rstrip() for line in shown.strip("\n").splitlines())
    return f"## {' '.join(title)}\n\n```\n{body}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(render())
