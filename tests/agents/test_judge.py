"""The judge: letters as probabilities, both orders, and silence where nothing was said."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from agents.judge import Judge
from agents.judge.judge import VOTES
from agents.judge.letters import probabilities
from agents.models import Account, Choice, Metered, ModelRequest, Scripted, TokenLogprob
from agents.models.scripted import Said
from memory import Budget, Journal, Ledger, Runs, Store, Teller
from selection import Question, QuestionAnswer

QUESTION = Question("price(1)", (QuestionAnswer("2", ("a",)), QuestionAnswer("1", ("b",))))


class Court:
    """A judge whose model is a function of the request, and what it asked."""

    def __init__(self, store: Store, script: object) -> None:
        self.asked: list[ModelRequest] = []
        run = Runs(store).create({})
        self.journal = Journal(store, run)
        self.ledger = Ledger(store, run, Budget.parse("tokens=1000000"))
        account = Account(Teller(self.ledger), self.journal)

        def answer(request: ModelRequest) -> Said:
            self.asked.append(request)
            return script(request) if callable(script) else str(script)

        model = Metered(Scripted(answer), account)
        self.judge = Judge(model, "two cost 4", self.journal, run_id=run, answer_tokens=500)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path)


def letter_of(request: ModelRequest, line: str) -> str:
    """The letter before a result in the question."""
    text = str(request.messages[-1]["content"])
    return next(each[0] for each in text.splitlines() if each[1:] == f": {line}")


async def test_it_answers_what_it_says_in_both_orders(store: Store) -> None:
    court = Court(store, lambda request: letter_of(request, "1"))
    assert await court.judge.answer(QUESTION) == 1
    prompts = [str(each.messages[-1]["content"]) for each in court.asked]
    assert any("A: 2" in each for each in prompts)
    assert any("A: 1" in each for each in prompts)
    assert {each.stage for each in court.asked} == {"selection"}
    assert court.ledger.bill().stages["selection"].tokens > 0


async def test_a_judge_that_prefers_what_stands_first_decides_nothing(store: Store) -> None:
    court = Court(store, "A")
    assert await court.judge.answer(QUESTION) is None
    assert await court.judge.prefers_first(b"one", b"two") == 0.5


@pytest.mark.parametrize("said", ["both are right", "", "C", {"error": "Throttled"}])
async def test_what_cannot_be_read_decides_nothing(store: Store, said: Said) -> None:
    court = Court(store, lambda _: said)
    assert await court.judge.answer(QUESTION) is None
    assert await court.judge.prefers_first(b"one", b"two") is None
    assert await court.judge.write_tests([b"one", b"two"]) is None


async def test_votes_end_when_they_are_decided(store: Store) -> None:
    court = Court(store, lambda request: letter_of(request, "1"))
    await court.judge.answer(QUESTION)
    assert len(court.asked) == 2 * 3  # three of five are enough, in each order
    wavering = Court(store, lambda request: "AB"[request.step % 2])
    await wavering.judge.answer(QUESTION)
    assert len(wavering.asked) == 2 * VOTES


async def test_votes_that_break_off_decide_nothing(store: Store) -> None:
    court = Court(store, lambda request: letter_of(request, "1") if request.step == 0 else {"error": "Throttled"})
    assert await court.judge.answer(QUESTION) is None
    assert len(court.asked) == 2


async def test_a_test_file_is_taken_out_of_its_fence_when_it_parses(store: Store) -> None:
    court = Court(store, "Here:\n```python\ndef test_one():\n    assert 1\n```\n")
    assert await court.judge.write_tests([b"one", b"two"]) == b"def test_one():\n    assert 1\n"
    broken = Court(store, "```python\ndef test_one(:\n```")
    assert await broken.judge.write_tests([b"one", b"two"]) is None


def test_log_probabilities_are_the_expected_vote() -> None:
    token = TokenLogprob("A", math.log(0.6), (("A", math.log(0.6)), (" B", math.log(0.2)), ("the", math.log(0.1))))
    found = probabilities(Choice("A", logprobs=(TokenLogprob("\n", 0.0), token)), 2)
    assert found == pytest.approx((0.75, 0.25))
    assert probabilities(Choice("B is right"), 2) == (0.0, 1.0)
    assert probabilities(Choice("Neither"), 2) is None
    assert probabilities(Choice("A careful reading shows that Change B is right. Answer: B."), 2) == (0.0, 1.0)
    lost = TokenLogprob("A", -9999.0, (("A", -9999.0), ("AB", -1.0)))
    assert probabilities(Choice("A", logprobs=(lost,)), 2) is None
