"""Where files come from, and the cache of their facts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agents.localise import CheckoutFiles, FactsCache, Sources, Texts, index, rank_files
from tests.agents.localise.repositories import SHOP
from workspaces import Repositories


class Counted(Texts):
    """Texts that say how often they were read."""

    reads = 0

    def read(self, path: str) -> str:
        self.reads += 1
        return super().read(path)


def test_a_file_that_is_cached_is_not_read_again(tmp_path: Path) -> None:
    first, second = Counted(SHOP), Counted({**SHOP, "shop/new.py": "x = 1\n"})
    plain = index(first, FactsCache(tmp_path / "localise.db"))
    again = index(second, FactsCache(tmp_path / "localise.db"))
    assert (first.reads, second.reads) == (len(SHOP), 1)
    assert {path: again.facts[path] for path in SHOP} == dict(plain.facts)


def test_the_cache_does_not_change_the_ranking(tmp_path: Path) -> None:
    cache = FactsCache(tmp_path / "localise.db")
    rankings = [rank_files("parse_price", SHOP, cache=each) for each in (None, cache, cache, FactsCache())]
    assert all(each == rankings[0] for each in rankings)


def test_a_damaged_cache_costs_time_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "localise.db"
    path.write_bytes(b"this is no database, " * 500)
    assert rank_files("parse_price", SHOP, cache=FactsCache(path)) == rank_files("parse_price", SHOP)


async def test_a_checkout_is_read_as_data(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    for path, text in SHOP.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(text)
    (repo / "binary.py").write_bytes(b"\0\1\2" * 100)
    (repo / "latin.py").write_bytes("größe = 1\n".encode("latin-1"))
    (repo / "image.png").write_bytes(b"\x89PNG")
    (repo / "link.py").symlink_to("shop/cart.py")
    git = ("git", "-C", str(repo), "-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run([*git, *command], check=True)
    source = await Repositories.inspect(repo)
    files: Sources = CheckoutFiles(await Repositories(tmp_path / "state").checkout(source, None))
    assert set(files.paths()) == {*SHOP, "binary.py", "latin.py"}
    assert files.read("binary.py") == ""
    assert files.read("shop/cart.py") == SHOP["shop/cart.py"]
    assert rank_files("parse_price fails", files).paths[0] == "shop/money.py"
