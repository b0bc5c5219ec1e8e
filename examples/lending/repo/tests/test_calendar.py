from datetime import date

from lending.calendar import days_between, next_open_day, parse_day


def test_an_open_day_is_kept():
    assert next_open_day(date(2024, 6, 1)) == date(2024, 6, 1)


def test_a_sunday_moves_to_monday():
    assert next_open_day(date(2024, 6, 2)) == date(2024, 6, 3)


def test_days_between_never_goes_below_zero():
    assert days_between(date(2024, 6, 3), date(2024, 6, 1)) == 0
    assert days_between(date(2024, 6, 1), date(2024, 6, 3)) == 2


def test_a_day_is_read():
    assert parse_day("2024-05-31") == date(2024, 5, 31)
