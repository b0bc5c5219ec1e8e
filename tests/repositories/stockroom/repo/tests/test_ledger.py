import pytest
from stockroom import Ledger, OutOfStock


@pytest.fixture
def ledger():
    ledger = Ledger()
    ledger.receive("bolt", 5)
    return ledger


def test_a_delivery_is_free(ledger):
    assert ledger.free("bolt") == 5


def test_a_reservation_binds_items(ledger):
    ledger.reserve("bolt", "A1", 2)
    assert ledger.free("bolt") == 3


def test_the_whole_shelf_can_be_reserved(ledger):
    ledger.reserve("bolt", "A1", 5)
    assert ledger.free("bolt") == 0


def test_a_reservation_can_grow_to_the_last_item(ledger):
    ledger.reserve("bolt", "A1", 4)
    ledger.reserve("bolt", "A1", 1)
    assert ledger.ship("bolt", "A1") == 5


@pytest.mark.parametrize("quantity", [6, 7, 100])
def test_more_than_there_is_is_refused(ledger, quantity):
    with pytest.raises(OutOfStock):
        ledger.reserve("bolt", "A1", quantity)


def test_nothing_cannot_be_reserved(ledger):
    with pytest.raises(ValueError):
        ledger.reserve("bolt", "A1", 0)


def test_shipping_moves_items_out_once(ledger):
    ledger.reserve("bolt", "A1", 2)
    assert ledger.ship("bolt", "A1") == 2
    assert ledger.ship("bolt", "A1") == 0
    assert ledger.on_hand("bolt") == 3
    assert [each.quantity for each in ledger.history("bolt")] == [5, -2]
