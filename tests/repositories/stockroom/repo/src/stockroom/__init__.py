"""Stock of a small warehouse: items, what is reserved, what it is worth."""

from stockroom.ledger import Ledger, OutOfStock
from stockroom.models import Item, Movement

__all__ = ["Item", "Ledger", "Movement", "OutOfStock"]
