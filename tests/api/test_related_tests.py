"""The tests that a patch may break run first; others still decide; and those that are left out are told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Runoff
from tests.api.shops import ISSUE, RIGHT, SUITE, git, make_shop, write

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Its patches are beside it."""
    make_shop(tmp_path / "shop", tmp_path / "patches")
    return tmp_path / "shop"


def select(runoff: Runoff, shop: Path, *arguments: object) -> dict[str, Any]:
    ended = runoff("select", shop, "--issue", ISSUE, "--candidates", shop.parent / "patches", "--json", *arguments)
    assert ended.returncode == 0, ended.stderr
    verdict: dict[str, Any] = json.loads(ended.stdout)
    return verdict


def by_source(verdict: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["source"]: each for each in verdict["candidates"]}


def ballots(verdict: dict[str, Any], source: str) -> dict[str, str]:
    of = by_source(verdict)[source]["equivalence_class"]
    return {each["probe"]: each["outcome"] for each in verdict["ballots"] if each["equivalence_class"] == of}


def test_a_wrong_patch_meets_the_tests_that_it_may_break_first(shop: Path, runoff: Runoff) -> None:
    verdict = select(runoff, shop)
    found = by_source(verdict)
    assert verdict["winner"] == found["right"]["id"]
    assert len(ballots(verdict, "right")) == SUITE
    # orders import prices, which import rates: six tests are related, of 90
    assert found["orders"]["broken"] == ["tests/test_orders.py::test_toys"]
    assert len(ballots(verdict, "orders")) <= 6
    # nothing but what they start and read connects these with the change
    assert found["program"]["broken"] == ["tests/test_program.py::test_program"]
    assert len(ballots(verdict, "program")) <= 6
    assert found["shelf"]["broken"] == ["tests/test_shelf.py::test_what_is_sold"]
    assert not any("were not run" in note for note in verdict["notes"])


def test_what_the_budget_does_not_last_for_is_left_out_and_told(shop: Path, runoff: Runoff) -> None:
    (shop.parent / "patches" / "shelf.diff").unlink()  # it changes more than Python, so that all tests would be run
    write(shop, {"tests/test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(20)\n"})
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "slow")
    verdict = select(runoff, shop, "--budget", "sandbox=120")
    found = by_source(verdict)
    assert verdict["winner"] == found["right"]["id"]
    assert found["program"]["broken"] == ["tests/test_program.py::test_program"]
    assert ballots(verdict, "right").keys() == {
        "tests/test_orders.py::test_nothing",
        "tests/test_orders.py::test_toys",
        "tests/test_program.py::test_program",  # starts a program
        "tests/test_rates.py::test_books",
        "tests/test_rates.py::test_toys",
        "tests/test_shelf.py::test_what_is_sold",  # reads files
    }
    (note,) = (note for note in verdict["notes"] if "were not run" in note)
    assert note.startswith(f"{SUITE - 5} of {SUITE + 1} tests import none of what the candidates change")
    assert f"{SUITE - 5} tests more were not run with it" in verdict["reason"]


def test_a_related_test_that_leans_on_others_ends_no_class(shop: Path, runoff: Runoff) -> None:
    """One that passes on base only after a test that nothing connects with the change."""
    write(
        shop,
        {
            "shop/sold.py": "SOLD = []\n",
            "tests/test_a.py": "from shop.sold import SOLD\n\n\ndef test_selling():\n    SOLD.append('toy')\n",
            "tests/test_sold.py": "from shop.orders import total\nfrom shop.sold import SOLD\n\n\n"
            "def test_sold():\n    assert total([(1, kind) for kind in SOLD]) == 1.2\n",
        },
    )
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "sold")
    write(shop, {"shop/rates.py": RIGHT["shop/rates.py"].replace("return 0.05", "return 1 / 20")})
    (shop.parent / "patches" / "other.diff").write_text(git(shop, "diff"))
    git(shop, "reset", "-q", "--hard")
    verdict = select(runoff, shop)
    for source in ("right", "other"):
        assert by_source(verdict)[source]["broken"] == []
        assert ballots(verdict, source)["tests/test_sold.py::test_sold"] == "passed"
