"""Which tests a change may break: those that import it come first, and only what surely does not may be left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.localise import index
from agents.related import CLOSE, NEAR, Related

SHOP = {
    "src/shop/__init__.py": "",
    "src/shop/rates.py": "def rate():\n    return 1\n",
    "src/shop/prices.py": "from .rates import rate\n",
    "src/shop/orders.py": "import shop.prices\n",
    "src/shop/dates.py": "import datetime\n",
    "tests/conftest.py": "import json\n",
    "tests/unit/test_rates.py": "from shop import rates\n",
    "tests/unit/test_prices.py": "from shop.prices import rate\n",
    "tests/unit/test_orders.py": "from shop import orders\n",
    "tests/unit/test_dates.py": "from shop.dates import datetime\n",
    "tests/unit/test_plain.py": "import math\n",
    "pyproject.toml": "[project]\nname = 'shop'\n",
}
RATES = frozenset({"src/shop/rates.py"})


def related(files: Mapping[str, str], **known: object) -> Related:
    return Related(index(files).named, **known)  # type: ignore[arg-type]


def names(files: Mapping[str, str]) -> list[str]:
    return [f"{path}::test" for path in files if "test_" in path]


def ordered(files: Mapping[str, str], changed: Iterable[str], **known: object) -> list[str]:
    risks = related(files, **known).risks(frozenset(changed), names(files))
    return [short(test) for test in sorted(risks, key=lambda test: -risks[test])]


def left_out(files: Mapping[str, str], changed: Iterable[str], **known: object) -> set[str]:
    return set(map(short, related(files, **known).unrelated(frozenset(changed), names(files), files.__getitem__)))


def short(test: str) -> str:
    return test.partition("::")[0].rpartition("test_")[2].removesuffix(".py")


def test_the_nearer_a_test_is_to_what_changes_the_earlier_it_runs() -> None:
    assert ordered(SHOP, RATES)[:3] == ["rates", "prices", "orders"]
    risks = related(SHOP).risks(RATES, names(SHOP))
    assert {short(test) for test, risk in risks.items() if risk >= NEAR} == {"rates", "prices", "orders"}
    assert all(0 < risk <= 1 for risk in risks.values())


def test_what_a_conftest_imports_is_near_to_the_tests_below_it() -> None:
    files = SHOP | {"tests/unit/conftest.py": "from shop import rates\n", "tests/test_other.py": ""}
    assert left_out(files, RATES) == {"other"}
    risks = related(files).risks(RATES, names(files))
    assert all((risk >= CLOSE) == (short(test) != "other") for test, risk in risks.items())


def test_what_is_a_test_by_the_settings_alone_has_its_conftest_too() -> None:
    files = SHOP | {"checks/conftest.py": "from shop import rates\n", "checks/check_all.py": ""}
    assert related(files).unrelated(RATES, ["checks/check_all.py::check"], files.__getitem__) == set()
    assert related(files).risks(RATES, ["checks/check_all.py::check"]).popitem()[1] >= CLOSE


def test_a_name_says_something_where_imports_do_not() -> None:
    files = {"shop/rates.c": "", "shop/dates.c": "", "tests/test_dates.py": "", "tests/test_rates.py": ""}
    assert ordered(files, ["shop/rates.c"]) == ["rates", "dates"]
    assert ordered(files, ["shop/dates.c"]) == ["dates", "rates"]


def test_what_was_executed_on_base_is_worth_more_than_imports() -> None:
    executed = {
        "tests/unit/test_dates.py::test": {"src/shop/rates.py": frozenset({2})},
        "tests/unit/test_prices.py::test": {"src/shop/prices.py": frozenset({1})},
    }
    assert set(ordered(SHOP, RATES, executed=executed)[:3]) == {"dates", "rates", "orders"}
    assert left_out(SHOP, RATES, executed=executed) == {"plain"}


def test_one_that_starts_programs_runs_before_those_that_nothing_connects_and_is_never_left_out() -> None:
    spawning = {"tests/unit/test_plain.py::test"}
    assert ordered(SHOP, RATES, spawning=spawning)[3] == "plain"
    assert left_out(SHOP, RATES, spawning=spawning) == {"dates"}


def test_tests_that_surely_import_nothing_of_it_may_be_left_out() -> None:
    assert left_out(SHOP, RATES) == {"dates", "plain"}
    assert left_out(SHOP, ["src/shop/dates.py"]) == {"rates", "prices", "orders", "plain"}
    assert left_out(SHOP, ["src/shop/__init__.py"]) == {"plain"}  # a package runs before any module of it


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tests/unit/test_dates.py", "import importlib\nimportlib.import_module('shop.' + 'rates')\n"),
        ("tests/unit/test_dates.py", "import pytest\nrates = pytest.importorskip('shop.rates')\n"),
        ("tests/unit/test_dates.py", "rates = __import__('shop.rates')\n"),
        ("tests/unit/test_dates.py", "from pathlib import Path\nALL = Path('src').rglob('*.py')\n"),
        ("tests/unit/test_dates.py", "TEXT = open('src/shop/rates.py').read()\n"),
        ("tests/unit/test_dates.py", "import shop.compiled\n"),  # is no file here
        ("tests/unit/test_dates.py", "from unittest import mock\n@mock.patch('shop.rates.rate')\ndef test(it): ...\n"),
        ("tests/unit/test_dates.py", "from mock import patch\nshop = 'shop'\nGONE = patch(f'{shop}.rates.rate')\n"),
        ("tests/unit/test_dates.py", "def test(monkeypatch):\n    monkeypatch.delattr('shop.rates.rate')\n"),
        ("tests/unit/test_dates.py", "def test(monkeypatch):\n    monkeypatch.setattr('shop.rates.rate', int)\n"),
        ("tests/unit/test_dates.py", "from django.test import TestCase\n"),  # its settings say what is imported
        ("tests/conftest.py", "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop.rates'\n"),
        ("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = shop.rates\n"),
        ("src/shop/dates.py", "import subprocess\n"),  # reached by the test
        ("src/shop/__init__.py", "exec(open('x').read())\n"),
        ("tests/conftest.py", "pytest_plugins = ['shop.rates']\n"),
        ("pyproject.toml", "[project.entry-points.pytest11]\nshop = 'shop.rates'\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = ['-p', 'shop.rates']\n"),
    ],
)
def test_one_whose_imports_are_not_all_known_is_not_left_out(path: str, text: str) -> None:
    assert "dates" not in left_out(SHOP | {path: text}, RATES)


def test_a_name_that_may_mean_two_files_is_no_file() -> None:
    files = SHOP | {"other/tests/unit/test_dates.py": ""}  # pytest names files from where its settings are
    assert related(files).unrelated(RATES, ["tests/unit/test_dates.py::test"], files.__getitem__) == set()
    assert related(files).unrelated(RATES, ["unit/test_plain.py::test"], files.__getitem__) == {
        "unit/test_plain.py::test"
    }


def test_nothing_is_left_out_when_more_than_python_changes() -> None:
    assert left_out(SHOP, [*RATES, "src/shop/rates.json"]) == set()
    assert left_out(SHOP, [*RATES, "README.md"]) == set()


def test_a_file_that_is_added_may_be_what_a_test_imports() -> None:
    assert left_out(SHOP, ["src/datetime.py"], added=["src/datetime.py"]) == {"rates", "prices", "orders", "plain"}
    assert left_out(SHOP, ["tests/unit/conftest.py"], added=["tests/unit/conftest.py"]) == set()


def test_tests_of_other_runners_are_all_alike() -> None:
    risks = related(SHOP).risks(RATES, ["make check", "p.A.ok", "p.A.bad"])
    assert set(risks.values()) == {NEAR}
    assert related(SHOP).unrelated(RATES, risks, SHOP.__getitem__) == set()


@given(st.data(), st.integers(2, 9))
def test_what_is_left_out_reaches_nothing_that_changes(data: st.DataObject, size: int) -> None:
    """Modules that import earlier ones, in any way of writing it, and a test of each."""
    edges = {place: data.draw(st.sets(st.integers(0, place - 1))) if place else set() for place in range(size)}
    ways = ("from pkg.m{0} import x\n", "import pkg.m{0}\n", "from pkg import m{0}\n", "from . import m{0}\n")
    files = {"pkg/__init__.py": ""}
    for place, targets in edges.items():
        files[f"pkg/m{place}.py"] = "".join(data.draw(st.sampled_from(ways)).format(each) for each in sorted(targets))
        files[f"tests/test_m{place}.py"] = data.draw(st.sampled_from(ways[:3])).format(place)
    changed = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    reaching = set(changed)
    for place in range(size):  # an edge leads to an earlier module
        if edges[place] & reaching:
            reaching.add(place)
    paths = {f"pkg/m{place}.py" for place in changed}
    assert left_out(files, paths) == {f"m{place}" for place in set(range(size)) - reaching}
    risks = related(files).risks(frozenset(paths), names(files))
    assert min(risks[f"tests/test_m{place}.py::test"] for place in reaching) > max(
        (risks[f"tests/test_m{place}.py::test"] for place in set(range(size)) - reaching), default=0.0
    )
