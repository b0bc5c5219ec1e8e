"""Items and movements."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Item:
    code: str
    price: Decimal
    weight_g: int = 0

    def __post_init__(self):
        if self.price < 0:
            raise ValueError(f"{self.code}: a price is not negative")


@dataclass(frozen=True)
class Movement:
    code: str
    quantity: int
    reason: str

    @property
    def inbound(self):
        return self.quantity > 0
