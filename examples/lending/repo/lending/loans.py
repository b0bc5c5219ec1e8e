"""Loans: who has which book, and until when."""

from dataclasses import dataclass
from datetime import date, timedelta

from lending.calendar import days_between, next_open_day

LOAN_DAYS = 21
GRACE_DAYS = 3


@dataclass
class Loan:
    book: str
    member: str
    lent_on: date
    renewals: int = 0

    @property
    def due_on(self):
        """The last day on which the book may come back, always a day on which the desk is open."""
        return next_open_day(self.lent_on + timedelta(days=LOAN_DAYS * (1 + self.renewals)))

    def days_late(self, returned_on):
        """Days past the due date, 0 within the grace period."""
        late = days_between(self.due_on, returned_on)
        if late < GRACE_DAYS:
            return 0
        return late


class Desk:
    """The loans that are open."""

    def __init__(self, limit=5):
        self.limit = limit
        self.loans = []

    def lend(self, book, member, day):
        if any(loan.book == book for loan in self.loans):
            raise ValueError(f"{book} is already lent")
        if len(self.of_member(member)) >= self.limit:
            raise ValueError(f"{member} already has {self.limit} books")
        loan = Loan(book, member, day)
        self.loans.append(loan)
        return loan

    def of_member(self, member):
        return [loan for loan in self.loans if loan.member == member]

    def take_back(self, book):
        for loan in self.loans:
            if loan.book == book:
                self.loans.remove(loan)
                return loan
        raise KeyError(book)
