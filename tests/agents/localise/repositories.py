"""Small repositories that the tests of localisation rank: real ones of this project, and one per language."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parents[2] / "repositories"
# name -> where its bug is
REAL = {
    "jobqueue": "jobqueue/retry.py",
    "stockroom": "src/stockroom/ledger.py",
    "tabletext": "tabletext/parse.py",
}


def real(name: str) -> tuple[str, dict[str, str]]:
    """A repository's issue and its files."""
    root = _HERE / name / "repo"
    files = {
        path.relative_to(root).as_posix(): path.read_text("utf-8")
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".pytest_cache" not in path.parts
    }
    return (_HERE / name / "issue.md").read_text("utf-8"), files


SHOP = {
    "README.md": "# Shop\nSells things. parse_price reads prices.\n",
    "shop/__init__.py": "from shop.cart import Cart\n",
    "shop/cart.py": (
        '"""The cart."""\nfrom shop.money import parse_price\n\n\nclass Cart:\n    """What a customer wants to buy."""\n\n'
        "    def add(self, item, price):\n        self.items.append((item, parse_price(price)))\n\n"
        "    def total(self):\n        return sum(price for _, price in self.items)\n"
    ),
    "shop/money.py": (
        '"""Prices."""\nfrom shop.locale import decimal_mark\n\n\ndef parse_price(text):\n    """Read a price."""\n'
        "    return int(text.replace(decimal_mark(), ''))\n"
    ),
    "shop/locale.py": "def decimal_mark():\n    return '.'\n",
    "shop/mail.py": "class Mailer:\n    def send(self, address, body):\n        return address, body\n",
    "tests/test_cart.py": "from shop import Cart\n\n\ndef test_parse_price_of_cart():\n    assert Cart().total() == 0\n",
}
