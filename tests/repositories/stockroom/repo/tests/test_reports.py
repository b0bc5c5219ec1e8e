from decimal import Decimal

from stockroom import Item, Ledger
from stockroom.reports import summary
from stockroom.valuation import heaviest, value

ITEMS = [Item("nut", Decimal("0.10"), 2), Item("bolt", Decimal("0.25"), 7)]


def filled():
    ledger = Ledger()
    ledger.receive("bolt", 8)
    ledger.receive("nut", 40)
    ledger.reserve("nut", "A1", 10)
    return ledger


def test_value_counts_everything_on_hand():
    assert value(filled(), ITEMS) == Decimal("6.00")


def test_the_heaviest_item():
    assert heaviest(filled(), ITEMS).code == "nut"
    assert heaviest(Ledger(), ITEMS) is None


def test_the_summary():
    lines = summary(filled(), ITEMS).splitlines()
    assert lines[0].split() == ["bolt", "8", "0"]
    assert lines[1].split() == ["nut", "30", "10"]
    assert lines[2] == "worth 6.00, of which 1.00 reserved"
