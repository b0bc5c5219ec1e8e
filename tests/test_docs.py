"""The documentation keeps its promises."""

import json
import re
import subprocess
import sys
from pathlib import Path

from selection import Verdict

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))


def test_the_command_line_page_is_what_the_commands_say() -> None:
    from make_cli import PAGE, render

    assert PAGE.read_text() == render(), "run: python docs/make_cli.py"


def test_the_published_schema_is_that_of_the_verdict() -> None:
    published = json.loads((ROOT / "docs" / "verdict.schema.json").read_text())
    assert published == Verdict.model_json_schema(), "run: python docs/make_schema.py"


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_map_of_where_to_change_what_names_what_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text[text.index("## Where do I change what") : text.index("## Habits")]
    for name in re.findall(r"`([\w./]+)`", table):
        assert (ROOT / name).exists(), name


def test_every_make_target_that_the_readme_names_exists() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in re.findall(r"\bmake (\w+) ", (ROOT / "README.md").read_text()):
        assert f"make {target}" in listed
