"""A small shop: some modules that build on one another, some that do not, and a few dozen tests of them.

`python benchmarks/related.py` measures with it too.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ISSUE = "the rate for books is 0.5, and should be 0.05"
RATES = '''"""Taxes."""

import json
from pathlib import Path

KINDS = json.loads((Path(__file__).parent / "kinds.json").read_text())


def rate(kind):
    if KINDS.get(kind) == "reduced":
        return 0.5
    return 0.2


def label(kind):
    return f"{kind}: {rate(kind):.0%}"
'''
PRICES = "from shop.rates import rate\n\n\ndef gross(net, kind):\n    return round(net * (1 + rate(kind)), 2)\n"
ORDERS = (
    "from shop.prices import gross\n\n\ndef total(lines):\n    return round(sum(gross(*each) for each in lines), 2)\n"
)
KINDS = '{\n  "book": "reduced",\n  "toy": "full"\n}\n'
MAIN = "import sys\nfrom shop.rates import label\n\nprint(label(sys.argv[1]))\n"
ALONE = "def {name}(number):\n    return number + {number}\n"
MANY = 'import pytest\nfrom shop.{name} import {name}\n\n\n@pytest.mark.parametrize("number", range(12))\n'
MANY += "def test_{name}(number):\n    assert {name}(number) - number == {number}\n"
APART = ("addresses", "barcodes", "calendars", "dates", "sizes", "users", "weights")  # the others do not import these

FILES = {
    "shop/__init__.py": "",
    "shop/__main__.py": MAIN,
    "shop/kinds.json": KINDS,
    "shop/rates.py": RATES,
    "shop/prices.py": PRICES,
    "shop/orders.py": ORDERS,
    **{f"shop/{name}.py": ALONE.format(name=name, number=place) for place, name in enumerate(APART)},
    **{f"tests/test_{name}.py": MANY.format(name=name, number=place) for place, name in enumerate(APART)},
    "tests/test_orders.py": "from shop.orders import total\n\n\ndef test_nothing():\n    assert total([]) == 0\n\n\n"
    'def test_toys():\n    assert total([(10, "toy"), (5, "toy")]) == 18\n',
    "tests/test_program.py": "import subprocess\nimport sys\n\n\ndef test_program():\n"
    '    said = subprocess.run([sys.executable, "-m", "shop", "toy"], capture_output=True, text=True, check=True)\n'
    '    assert said.stdout == "toy: 20%\\n"\n',
    "tests/test_rates.py": "from shop.rates import rate\n\n\ndef test_books():\n"
    '    assert rate("book") == 0.05\n\n\ndef test_toys():\n    assert 0.1 < rate("toy") < 0.3\n',
    "tests/test_shelf.py": "from pathlib import Path\n\n\ndef test_what_is_sold():\n"
    '    assert "toy" in (Path(__file__).parents[1] / "shop" / "kinds.json").read_text()\n',
}

RIGHT = {"shop/rates.py": RATES.replace("0.5", "0.05")}
PROGRAMS = {
    "right": RIGHT,
    # a test of orders, which import prices, which import rates, tells
    "orders": {"shop/rates.py": RIGHT["shop/rates.py"].replace("return 0.2", "return 0.21")},
    # a test that starts a program does
    "program": {"shop/rates.py": RIGHT["shop/rates.py"].replace(":.0%", ":.1%")},
    # a test that reads a file does
    "shelf": RIGHT | {"shop/kinds.json": KINDS.replace('"toy": "full"', '"t": "full"')},
}
SUITE = 12 * len(APART) + 6


def write(repo: Path, files: dict[str, str] | None = None) -> None:
    for path, text in (files or FILES).items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(text)


def git(repo: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, cwd=repo, check=True, capture_output=True, text=True).stdout


def make_shop(repo: Path, candidates: Path) -> None:
    """The shop, committed, and a patch for each of PROGRAMS."""
    write(repo)
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "base")
    candidates.mkdir()
    for name, files in PROGRAMS.items():
        write(repo, files)
        (candidates / f"{name}.diff").write_text(git(repo, "diff"))
        git(repo, "reset", "-q", "--hard")
