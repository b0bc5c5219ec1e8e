"""Tracebacks in an issue: the innermost frame first, whatever the language writes."""

from __future__ import annotations

import pytest

from agents.localise.frames import Frame, frames

PYTHON = """Traceback (most recent call last):
  File "run.py", line 3, in <module>
    main()
  File "/usr/lib/python3/site-packages/shop/cart.py", line 9, in add
    parse_price(price)
  File "C:\\shop\\money.py", line 7, in parse_price
ValueError: x
"""
CHAINED = f"{PYTHON}\nDuring handling of the above exception, another exception occurred:\n\n{PYTHON.replace('money', 'other')}"
IPYTHON = """/usr/lib/shop/cart.py in add(self, item)
      8     def add(self):
----> 9         parse()
/usr/lib/shop/money.py in parse_price(text)
"""
PYTEST = "shop/cart.py:9: in add\n    parse_price(x)\nshop/money.py:7: ValueError\n"
JAVASCRIPT = """TypeError: x is undefined
    at parsePrice (/app/src/money.js:7:12)
    at async Cart.add (/app/src/cart.js:9:3)
    at file:///app/run.mjs:1:1
"""
JAVA = """java.lang.IllegalStateException: x
\tat com.shop.Money.parse(Money.java:7)
\tat com.shop.cart.Cart.add(Cart.java:9)
Caused by: java.io.IOException
\tat com.shop.Disk.read(Disk.java:3)
"""
GO = """panic: x
goroutine 1 [running]:
shop/money.Parse(0x1, 0x2)
\t/src/shop/money/money.go:7 +0x1d
main.main()
\t/src/shop/main.go:9 +0x25
"""
RUST = """thread 'main' panicked at src/money.rs:7:9:
x
   1: shop::cart::add
             at ./src/cart.rs:9:5
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PYTHON, [("C:/shop/money.py", 7), ("/usr/lib/python3/site-packages/shop/cart.py", 9), ("run.py", 3)]),
        (IPYTHON, [("/usr/lib/shop/money.py", 0), ("/usr/lib/shop/cart.py", 0)]),
        (PYTEST, [("shop/money.py", 7), ("shop/cart.py", 9)]),
        (JAVASCRIPT, [("/app/src/money.js", 7), ("/app/src/cart.js", 9), ("/app/run.mjs", 1)]),
        (JAVA, [("com/shop/Money.java", 7), ("com/shop/cart/Cart.java", 9), ("com/shop/Disk.java", 3)]),
        (GO, [("/src/shop/money/money.go", 7), ("/src/shop/main.go", 9)]),
        (RUST, [("src/money.rs", 7), ("./src/cart.rs", 9)]),
    ],
    ids=["python", "ipython", "pytest", "javascript", "java", "go", "rust"],
)
def test_frames_come_innermost_first(text: str, expected: list[tuple[str, int]]) -> None:
    assert [(each.path, each.line) for each in frames(text)] == expected


def test_each_traceback_of_a_chain_has_its_own_innermost_frame() -> None:
    assert [each.path for each in frames(CHAINED) if each.depth == 0] == ["C:/shop/money.py", "C:/shop/other.py"]
    assert [each.path for each in frames(JAVA) if each.depth == 0] == ["com/shop/Money.java", "com/shop/Disk.java"]


def test_a_frame_knows_its_function() -> None:
    assert frames(PYTHON)[0] == Frame("C:/shop/money.py", 7, "parse_price", 0)
    assert frames(JAVASCRIPT)[0].function == "parsePrice"
    assert frames(JAVA)[0].function == "parse"


def test_prose_has_no_frames() -> None:
    assert frames("Look at the file money.py, line 7, at your leisure (really).") == ()
