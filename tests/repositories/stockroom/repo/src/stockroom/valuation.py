"""What the stock is worth."""

from decimal import Decimal


def value(ledger, items):
    """The worth of everything on hand."""
    return sum((item.price * ledger.on_hand(item.code) for item in items), Decimal(0))


def bound(ledger, items):
    """The worth of what is reserved."""
    return sum((item.price * ledger.reserved(item.code) for item in items), Decimal(0))


def heaviest(ledger, items):
    """The item with the largest weight on hand; None for an empty stock."""
    present = [item for item in items if ledger.on_hand(item.code) > 0]
    return max(present, key=lambda item: item.weight_g * ledger.on_hand(item.code), default=None)
