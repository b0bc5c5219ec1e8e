"""What a server says, put into words."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agents import errors
from agents.models.faults import from_status, retry_after_s


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "nan"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 +99999999999999999"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_a_date_to_wait_for() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < (retry_after_s({"retry-after": date}) or 0) <= 60


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, "<html>bad gateway</html>", errors.Unreachable),
        (503, None, errors.Unreachable),
        (408, {}, errors.Unreachable),
        (500, {"detail": "boom"}, errors.ServerFailed),
        (429, {"error": {"message": "slow", "code": "rate_limit_exceeded"}}, errors.Throttled),
        (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, errors.PromptTooLong),
        (400, {"message": "the request exceeds the available context size; maximum context"}, errors.PromptTooLong),
        (413, "too large", errors.PromptTooLong),
        (405, "Method Not Allowed", errors.NoSuchEndpoint),
        (418, ["odd"], errors.RequestRefused),
    ],
)
def test_statuses_of_many_servers(status: int, body: object, kind: type[errors.ModelError]) -> None:
    error = from_status(status, body, "http://h/v1", "m")
    assert type(error) is kind
    assert str(error).startswith(f"http://h/v1: {status}")


def test_a_message_is_no_longer_than_a_person_reads() -> None:
    assert len(str(from_status(400, "x" * 100_000, "http://h/v1", "m"))) < 500
