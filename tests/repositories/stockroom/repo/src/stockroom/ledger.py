"""What came in, what went out, and what is promised to somebody."""

from collections import defaultdict

from stockroom.models import Movement


class OutOfStock(Exception):
    """More was asked for than is free."""


class Ledger:
    def __init__(self):
        self._movements = []
        self._reserved = defaultdict(dict)  # code -> order -> quantity

    def receive(self, code, quantity, reason="delivery"):
        if quantity <= 0:
            raise ValueError("a delivery holds at least one item")
        self._movements.append(Movement(code, quantity, reason))

    def on_hand(self, code):
        return sum(each.quantity for each in self._movements if each.code == code)

    def reserved(self, code):
        return sum(self._reserved[code].values())

    def free(self, code):
        return self.on_hand(code) - self.reserved(code)

    def reserve(self, code, order, quantity):
        """Promise items to an order; a second call for the same order adds to it."""
        if quantity <= 0:
            raise ValueError("reserve at least one item")
        if quantity >= self.free(code):
            raise OutOfStock(f"{code}: {quantity} asked, {self.free(code)} free")
        self._reserved[code][order] = self._reserved[code].get(order, 0) + quantity

    def release(self, code, order):
        return self._reserved[code].pop(order, 0)

    def ship(self, code, order):
        """Send what was reserved for an order; returns how many items left."""
        quantity = self.release(code, order)
        if quantity:
            self._movements.append(Movement(code, -quantity, f"order {order}"))
        return quantity

    def history(self, code):
        return [each for each in self._movements if each.code == code]
