"""Imports: what each language's names mean among the files of a repository."""

from __future__ import annotations

import pytest

from agents.localise import index
from agents.localise.graph import Modules, spread
from tests.agents.localise.repositories import SHOP

PATHS = [
    "src/pkg/__init__.py",
    "src/pkg/a.py",
    "src/pkg/sub/__init__.py",
    "src/pkg/sub/b.py",
    "web/app/index.ts",
    "web/app/part.tsx",
    "web/lib/index.js",
    "go/store/store.go",
    "go/store/disk.go",
    "crate/src/lib.rs",
    "crate/src/net/mod.rs",
    "crate/src/net/http.rs",
    "j/src/main/java/com/shop/Cart.java",
]


@pytest.mark.parametrize(
    ("importer", "name", "found"),
    [
        ("src/pkg/a.py", "pkg.sub.b", ["src/pkg/sub/b.py"]),
        ("src/pkg/a.py", "pkg.sub", ["src/pkg/sub/__init__.py"]),
        ("src/pkg/a.py", ".sub.b", ["src/pkg/sub/b.py"]),
        ("src/pkg/sub/b.py", "..a", ["src/pkg/a.py"]),
        ("src/pkg/sub/__init__.py", ".b", ["src/pkg/sub/b.py"]),
        ("src/pkg/a.py", "b", []),
        ("src/pkg/a.py", "........a", []),
        ("web/app/index.ts", "./part", ["web/app/part.tsx"]),
        ("web/app/index.ts", "../lib", ["web/lib/index.js"]),
        ("web/app/index.ts", "react", []),
        ("go/main.go", "example.org/x/go/store", ["go/store/disk.go", "go/store/store.go"]),
        ("crate/src/lib.rs", "net", ["crate/src/net/mod.rs"]),
        ("crate/src/lib.rs", "crate::net::http::get", ["crate/src/net/http.rs"]),
        ("crate/src/net/http.rs", "super::http", ["crate/src/net/http.rs"]),
        ("j/src/main/java/com/shop/Other.java", "com.shop.Cart", ["j/src/main/java/com/shop/Cart.java"]),
    ],
)
def test_an_import_names_files(importer: str, name: str, found: list[str]) -> None:
    assert Modules(PATHS).resolve(importer, name) == found


def test_a_repository_has_a_graph() -> None:
    edges = index(SHOP).imports
    assert edges["shop/cart.py"] == ("shop/money.py",)
    assert edges["tests/test_cart.py"] == ("shop/__init__.py",)


def test_scores_spread_over_two_imports_in_both_directions_and_no_further() -> None:
    edges = {"a": ("b",), "b": ("c",), "c": ("d",), "d": ()}
    reached = spread({"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0}, edges, hops=2, damping=0.5)
    assert reached["b"] > reached["c"] > 0
    assert reached["d"] == 0
    assert spread({"a": 0.0, "b": 0.0, "c": 0.0, "d": 1.0}, edges, hops=1, damping=0.5)["c"] > 0
