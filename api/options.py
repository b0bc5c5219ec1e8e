"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Repo = Annotated[Path, typer.Argument(help="a git repository; your checkout is not touched unless --apply")]
Issue = Annotated[str, typer.Option(help="the issue: a file, - for standard input, or the text itself")]
Test = Annotated[
    str | None,
    typer.Option(
        help='the tests that matter, e.g. "pytest -q tests/test_dates.py"; but for the repair policy any command, '
        'e.g. "go test ./..."'
    ),
]
JUnit = Annotated[
    str | None, typer.Option(help="where such a command writes a JUnit XML report, so that single tests count")
]
Base = Annotated[str | None, typer.Option(help="the commit to start from [default: HEAD of a clean checkout]")]
Limits = Annotated[str | None, typer.Option(help='limits: "wall=10m,candidates=200" (also tokens, usd, sandbox)')]
SandboxName = Annotated[
    Literal["auto", "docker", "bubblewrap"] | None, typer.Option(help="what untrusted code runs in")
]
Image = Annotated[str | None, typer.Option(help="docker: the image, with Python and what the tests need")]
Python = Annotated[Path | None, typer.Option(help="the interpreter that has pytest and the project's dependencies")]
BaseUrl = Annotated[
    str | None, typer.Option(help="where the model is served, as http://host:8000/v1 [default: OPENAI_BASE_URL]")
]
Trajectories = Annotated[
    int | None, typer.Option(min=1, max=1000, help="attempts of the model, as the budget allows [default: 4]")
]
PlanForm = Annotated[
    Literal["text", "grammar", "tools"] | None,
    typer.Option(help="how the model writes plans: freely, held to a grammar by its server (vLLM), or as tool calls"),
]
Ask = Annotated[
    bool,
    typer.Option(
        "--ask", help="where patches that pass all tests still differ, ask which result is right (3 times at most)"
    ),
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="a directory for patch.diff, verdict.json, journal.jsonl")
]
AsJson = Annotated[bool, typer.Option("--json", help="print the verdict as JSON, and nothing else")]
Apply = Annotated[bool, typer.Option("--apply", help="apply the winning patch to your checkout")]
