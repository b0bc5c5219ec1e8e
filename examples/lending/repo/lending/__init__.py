"""A small library's lending desk: members borrow books, return them late, and pay for it."""
