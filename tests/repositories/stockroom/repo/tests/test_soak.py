"""Slow: a long season in the warehouse."""

import random
import time

from stockroom import Ledger, OutOfStock


def test_a_season_keeps_the_books_balanced():
    ledger, dice = Ledger(), random.Random(7)
    for day in range(400):
        ledger.receive("bolt", dice.randrange(1, 9))
        try:
            ledger.reserve("bolt", day, dice.randrange(1, 12))
        except OutOfStock:
            continue
        if dice.random() < 0.7:
            ledger.ship("bolt", day)
        assert ledger.free("bolt") >= 0
    assert ledger.on_hand("bolt") == sum(each.quantity for each in ledger.history("bolt"))


def test_the_scanner_needs_its_time():
    time.sleep(1.5)
    assert Ledger().free("bolt") == 0
