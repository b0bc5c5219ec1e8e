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
`RUNOFF_PYTHON`, `RUNOFF_BUDGET`, `RUNOFF_WORKERS`), else from `$XDG_CONFIG_HOME/runoff/config.toml`
(`sandbox = "docker"`), else from the defaults.
"""


def render() -> str:
    """The page's text."""
    from api.cli import app

    commands: dict[str, object] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    sections = [_section(["runoff"], [])]
    sections += [_section(["runoff", name], [name]) for name in commands]
    return "\n".join([_INTRODUCTION, *sections])


def _section(title: list[str], arguments: list[str]) -> str:
    from api.cli import app

    os.environ.update({"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
    shown = CliRunner().invoke(app, [*arguments, "--help"], prog_name="runoff", catch_exceptions=False).output
    body = "\n".join(line.rstrip() for line in shown.strip("\n").splitlines())
    return f"## {' '.join(title)}\n\n```\n{body}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(render())
