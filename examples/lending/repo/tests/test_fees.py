from datetime import date

from lending.fees import late_fee, statement
from lending.loans import Desk, Loan

LOAN = Loan("Dune", "ann", date(2024, 6, 3))  # due on 24 June


def test_a_book_in_time_costs_nothing():
    assert late_fee(LOAN, date(2024, 6, 24)) == 0


def test_the_grace_period_costs_nothing():
    assert late_fee(LOAN, date(2024, 6, 26)) == 0
    assert late_fee(LOAN, date(2024, 6, 27)) == 0


def test_after_the_grace_period_every_day_counts():
    assert late_fee(LOAN, date(2024, 6, 28)) == 80


def test_the_fee_has_a_ceiling():
    assert late_fee(LOAN, date(2024, 12, 24)) == 500


def test_a_statement_lists_the_books_and_the_sum():
    desk = Desk()
    desk.lend("Dune", "ann", date(2024, 6, 3))
    desk.lend("Emma", "ann", date(2024, 6, 10))
    assert statement(desk, "ann", date(2024, 6, 27)) == [
        "Dune: due 2024-06-24, 0.00",
        "Emma: due 2024-07-01, 0.00",
        "total 0.00",
    ]
