"""What a late book costs."""

DAILY_CENTS = 20
MOST_CENTS = 500


def late_fee(loan, returned_on):
    """The fee in cents for a book that came back on a day."""
    return min(MOST_CENTS, loan.days_late(returned_on) * DAILY_CENTS)


def statement(desk, member, today):
    """One line for each book that a member has, and the sum of what would be due today."""
    lines = []
    total = 0
    for loan in sorted(desk.of_member(member), key=lambda loan: loan.due_on):
        fee = late_fee(loan, today)
        total += fee
        lines.append(f"{loan.book}: due {loan.due_on.isoformat()}, {fee / 100:.2f}")
    lines.append(f"total {total / 100:.2f}")
    return lines
