from datetime import date

import pytest

from lending.loans import Desk, Loan


def test_a_loan_is_due_after_three_weeks():
    assert Loan("Dune", "ann", date(2024, 6, 3)).due_on == date(2024, 6, 24)


def test_a_renewal_adds_three_weeks():
    assert Loan("Dune", "ann", date(2024, 6, 3), renewals=1).due_on == date(2024, 7, 15)


def test_a_book_that_comes_back_in_time_is_not_late():
    assert Loan("Dune", "ann", date(2024, 6, 3)).days_late(date(2024, 6, 20)) == 0


def test_a_book_is_lent_once():
    desk = Desk()
    desk.lend("Dune", "ann", date(2024, 6, 3))
    with pytest.raises(ValueError):
        desk.lend("Dune", "bob", date(2024, 6, 4))


def test_a_member_has_at_most_so_many_books():
    desk = Desk(limit=1)
    desk.lend("Dune", "ann", date(2024, 6, 3))
    with pytest.raises(ValueError):
        desk.lend("Emma", "ann", date(2024, 6, 3))


def test_a_returned_book_can_be_lent_again():
    desk = Desk()
    desk.lend("Dune", "ann", date(2024, 6, 3))
    assert desk.take_back("Dune").member == "ann"
    assert desk.lend("Dune", "bob", date(2024, 6, 4)).member == "bob"
