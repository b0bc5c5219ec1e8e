"""A trajectory plans, reproduces, edits, sees what fails, mends it and ends, in a real repository."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from agents.models import Metered, ModelRequest, Scripted
from agents.models.turn import size_of
from agents.tools import SPECS
from agents.trajectory import Limits, Prefix
from agents.trajectory.prompt import Form
from agents.trajectory.workbench import Workbench
from executor import Memo
from tests.agents.trajectory.conftest import Open

pytestmark = pytest.mark.bubblewrap

FILES = {
    "shop/__init__.py": "",
    "shop/price.py": "def total(prices, discount=0):\n    return sum(prices) - discount * len(prices)\n",
    "shop/cart.py": "from shop.price import total\n\n\ndef checkout(items):\n    return total([each[1] for each in items], 1)\n",
    "tests/test_price.py": "from shop.price import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
}

LOOK = """The total is computed in shop/price.py.
```python
hits = grep(pattern="def total", path="shop")
body = read(path=hits[0].path)
uses = find_references(name="total")
```
"""
REPRODUCE = '''A test for the discount.
```python
t = create(path="tests/test_discount.py", content="""from shop.price import total


def test_the_discount_counts_once():
    assert total([5, 5], 1) == 9
""")
r = run_tests(selector="tests/test_discount.py")
```
'''
WRONG = """The discount is multiplied.
```python
e = edit(path="shop/price.py", search="- discount * len(prices)", replace="- discount * 0")
r = run_tests()
```
"""
RIGHT = """It must count once.
```python
e = edit(path="shop/price.py", search="- discount * 0", replace="- discount")
r = run_tests()
d = diff()
finish(answer="the discount was taken once for each price")
```
"""


async def test_from_the_issue_to_a_patch(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    ended = await bench.run([LOOK, REPRODUCE, WRONG, RIGHT])
    assert (ended.why, ended.turns, ended.reproduced) == ("finished", 4, True)
    assert ended.answer == "the discount was taken once for each price"
    patch = ended.patch.decode()
    assert "+    return sum(prices) - discount\n" in patch
    assert "tests/test_discount.py" in patch
    turns = bench.turns()
    assert [turn["tested"] for turn in turns] == [
        [],
        [{"ok": False, "failed": 1, "passed": 0}],
        [{"ok": False, "failed": 1, "passed": 1}],
        [{"ok": True, "failed": 0, "passed": 2}],
    ]


async def test_what_a_turn_reads_is_its_own_results_and_whether_the_test_shows_the_issue(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    asked: list[ModelRequest] = []

    def script(request: ModelRequest) -> str:
        asked.append(request)
        return [LOOK, REPRODUCE, RIGHT.replace("- discount * 0", "- discount * len(prices)")][request.step]

    assert (await bench.run(script)).why == "finished"
    observed = asked[1].messages[-1]["content"]
    assert "hits = grep(pattern='def total', path='shop')" in observed
    assert "return sum(prices) - discount * len(prices)" in observed
    assert "shop/cart.py:5" in observed
    assert (
        "so they show the issue: tests/test_discount.py::test_the_discount_counts_once"
        in asked[2].messages[-1]["content"]
    )


async def test_a_test_that_passes_without_a_fix_shows_nothing(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    asked: list[ModelRequest] = []

    def script(request: ModelRequest) -> str:
        asked.append(request)
        return REPRODUCE.replace("== 9", "== 8") if request.step == 0 else "```python\nfinish(answer='nothing')\n```"

    ended = await bench.run(script)
    assert not ended.reproduced
    assert "they do not show the issue" in asked[1].messages[-1]["content"]


async def test_an_answer_that_is_no_plan_is_answered_with_its_faults_and_not_kept(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    asked: list[ModelRequest] = []
    bad = "```python\nhits = grep(pattern='total')\nx = raed(path='shop/price.py')\nSECRET = nonsense(\n```"

    def script(request: ModelRequest) -> str:
        asked.append(request)
        return [bad, WRONG, RIGHT][request.step]

    assert (await bench.run(script)).why == "finished"
    told = asked[1].messages[-1]["content"]
    assert "did you mean read?" in told
    assert "hits = grep" in told
    kept = "".join(str(message["content"]) for message in asked[2].messages)
    assert "SECRET" not in kept.replace(told, "")
    assert asked[2].messages[2]["content"] == "```python\nhits = grep(pattern='total')\n```"


async def test_answers_that_are_never_plans_end_it(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    ended = await bench.run(lambda request: f"I think {request.step}.")
    assert ended.why == "the model's answers are no plans"
    assert ended.patch == b""


async def test_the_same_again_and_again_is_no_progress(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    ended = await bench.run(lambda _: LOOK)
    assert ended.why.startswith("no progress")
    assert ended.turns == 3


async def test_an_end_without_a_change_is_called_that(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    ended = await bench.run(["```python\nfinish(answer='there is nothing to mend')\n```"] * 3)
    assert (ended.why, ended.turns, ended.patch) == ("finished without a change", 2, b"")


async def test_rounds_of_edits_and_tests_are_limited(open_bench: Open) -> None:
    bench = await open_bench(FILES)

    def script(request: ModelRequest) -> str:
        before = "len(prices)" if request.step == 0 else str(request.step - 1)
        return (
            f'```python\ne = edit(path="shop/price.py", search="discount * {before}", replace="discount * {request.step}")\n'
            'r = run_tests(selector="tests/test_new.py")\n```'
            if request.step
            else "```python\nt = create(path='tests/test_new.py', content='''from shop.price import total\n\n\n"
            "def test_a():\n    assert total([5, 5], 1) == 9\n''')\ne = edit(path='shop/price.py', search='len(prices)', "
            "replace='0')\nr = run_tests(selector='tests/test_new.py')\n```"
        )

    ended = await bench.run(script, limits=Limits(rounds=3))
    assert ended.why == "3 rounds of edits and tests"


async def test_rounds_in_which_only_a_test_of_its_own_was_written_do_not_count(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    again = [
        REPRODUCE.replace("== 9", f"== {total}").replace('content="""', 'overwrite=True, content="""')
        for total in (7, 6, 5)
    ]
    ended = await bench.run([*again, WRONG, RIGHT], limits=Limits(rounds=2))
    assert (ended.why, ended.turns, ended.cut) == ("2 rounds of edits and tests", 5, True)


async def test_the_budget_ends_it_with_what_there_is(open_bench: Open) -> None:
    bench = await open_bench(FILES, budget="tokens=20k")
    ended = await bench.run([WRONG, *[LOOK.replace("def total", f"def t{n}") for n in range(30)]])
    assert "budget" in ended.why
    assert b"discount * 0" in ended.patch


async def test_a_model_that_fails_ends_it_with_the_reason(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    ended = await bench.run([WRONG, {"error": "ServerFailed", "why": "out of memory"}])
    assert "out of memory" in ended.why
    assert b"discount * 0" in ended.patch


async def test_siblings_share_one_prefix_byte_for_byte_and_the_history_only_grows(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    asked: dict[str, list[ModelRequest]] = {"1": [], "2": []}

    def script(request: ModelRequest) -> str:
        asked[request.trajectory].append(request)
        return [LOOK, REPRODUCE, WRONG, RIGHT][request.step]

    for number in (1, 2):
        await bench.run(script, number=number)
    first, second = asked["1"], asked["2"]
    assert first[0].messages[0] == second[0].messages[0]
    one, other = first[0].messages[1]["content"], second[0].messages[1]["content"]
    assert one != other
    shared = next(place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert shared >= len(one) - 120  # only the last sentence differs
    for requests in asked.values():
        for before, after in pairwise(requests):
            assert list(after.messages[: len(before.messages)]) == list(before.messages)


async def test_tool_calls_run_like_a_plan(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    asked: list[ModelRequest] = []

    def script(request: ModelRequest) -> dict[str, object]:
        asked.append(request)
        edit = {"path": "shop/price.py", "search": "- discount * len(prices)", "replace": "- discount"}
        return [
            {
                "tool_calls": [
                    {"name": "read", "arguments": {"path": "shop/price.py"}},
                    {"name": "raed", "arguments": {}},
                ]
            },
            {"text": "look", "tool_calls": [{"name": "read", "arguments": {"path": "shop/price.py"}}]},
            {"tool_calls": [{"name": "edit", "arguments": edit}, {"name": "run_tests", "arguments": {}}]},
            {"tool_calls": [{"name": "finish", "arguments": {"answer": "done"}}]},
        ][request.step]

    ended = await bench.run(script, form="tools")
    assert (ended.why, ended.answer) == ("finished", "done")
    assert "there is no tool raed" in asked[1].messages[-1]["content"]
    assert asked[1].messages[-2] == {"role": "assistant", "content": "(no usable tool call)"}
    assert asked[2].messages[-1]["role"] == "tool"
    assert "def total" in asked[2].messages[-1]["content"]
    assert asked[0].tools


async def test_what_was_looked_up_in_the_base_commit_is_not_looked_up_again(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    memo = Memo()
    look = 'body = read(path="shop/price.py")\nhits = grep(pattern="def ")'
    wrong = 'fix = edit(path="shop/price.py", search="* len(prices)", replace="")\nagain = read(path="shop/price.py")'
    script = [look, wrong, 'last = read(path="shop/price.py")\nfinish(answer="done")']
    await bench.run(script, memo=memo)
    assert (memo.misses, memo.hits) == (2, 0)  # after the edit nothing is remembered
    ended = await bench.run(script, number=2, memo=memo)
    assert (memo.misses, memo.hits) == (2, 2)
    assert b"-    return sum(prices) - discount * len(prices)" in ended.patch


async def test_each_tool_call_is_answered_with_its_own_result_also_where_equal_ones_are_merged(
    open_bench: Open,
) -> None:
    bench = await open_bench(FILES)
    asked: list[ModelRequest] = []

    def script(request: ModelRequest) -> dict[str, Any]:
        asked.append(request)
        if request.step:
            return {"text": "Done.", "tool_calls": [{"id": "f", "name": "finish", "arguments": "{}"}]}
        paths = {"one": "shop/price.py", "two": "shop/price.py", "three": "shop/cart.py"}
        calls = [{"id": id, "name": "read", "arguments": json.dumps({"path": path})} for id, path in paths.items()]
        return {"text": "Look.", "tool_calls": calls}

    await bench.run(script, form="tools")
    answers = {each["tool_call_id"]: each["content"] for each in asked[1].messages if each["role"] == "tool"}
    assert "def total" in answers["one"]
    assert answers["two"] == "the same as one: an equal call"
    assert "def checkout" in answers["three"]


@pytest.mark.parametrize("ids", [("a", "a", "a"), ("", "", ""), ("", "call_1", "call_1_2"), ("a", "a", "a_2")])
async def test_tool_calls_have_ids_of_their_own_whatever_the_server_gave_them(
    open_bench: Open, ids: tuple[str, ...]
) -> None:
    bench = await open_bench(FILES)
    asked: list[ModelRequest] = []
    paths = ("shop/price.py", "shop/cart.py", "tests/test_price.py")

    def script(request: ModelRequest) -> dict[str, Any]:
        asked.append(request)
        if request.step:
            return {"tool_calls": [{"id": "f", "name": "finish", "arguments": {"answer": "done"}}]}
        calls = zip(ids, paths, strict=True)
        return {"tool_calls": [{"id": id, "name": "read", "arguments": {"path": path}} for id, path in calls]}

    await bench.run(script, form="tools")
    said, *results = asked[1].messages[-4:]
    sent = [call["id"] for call in said["tool_calls"]]
    assert len(set(sent)) == 3
    assert all(sent)
    assert [each["tool_call_id"] for each in results] == sent
    assert [path in each["content"] for path, each in zip(paths, results, strict=True)] == [True] * 3


async def test_every_name_of_a_plan_has_its_result_in_the_observation_also_where_equal_calls_were_merged(
    open_bench: Open,
) -> None:
    bench = await open_bench(FILES)
    asked: list[ModelRequest] = []
    plan = 'one = read(path="shop/price.py")\ntwo = read(path="shop/price.py")\nthree = read(path="shop/cart.py")'

    def script(request: ModelRequest) -> str:
        asked.append(request)
        return plan if request.step == 0 else 'finish(answer="done")'

    await bench.run(script)
    seen = asked[1].messages[-1]["content"]
    assert "two = read(path='shop/price.py')\nthe same as one: an equal call" in seen
    assert seen.count("def total") == 1
    assert seen.index("one = read") < seen.index("two = read") < seen.index("three = read")


async def test_a_process_that_a_command_left_behind_is_in_the_diff_of_a_later_turn(open_bench: Open) -> None:
    bench = await open_bench(FILES)

    def script(request: ModelRequest) -> str:
        if request.step == 1:
            time.sleep(1.0)
        return [
            'left = run(command="(sleep 0.5; echo late > late.txt) > /dev/null 2>&1 &")',
            "seen = recall()",
            'finish(answer="done")',
        ][request.step]

    ended = await bench.run(script)
    assert [turn["patch"] for turn in bench.turns()].count("") == 1
    assert b"+late" in ended.patch


async def test_a_checkpoint_holds_of_a_history_only_what_is_new(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    await bench.run([f"# thought {step}\nseen = grep(pattern='{step}')" for step in range(12)], limits=Limits(turns=12))
    stored = [
        bytes(value)
        for table, column in (("writes", "value"), ("checkpoints", "checkpoint"))
        for (value,) in bench.saver.conn.execute(f"SELECT {column} FROM {table}")
        if value is not None
    ]
    assert sum(b"# thought 0" in each for each in stored) == 1
    assert sum(b"# thought 11" in each for each in stored) == 1


@pytest.mark.parametrize("form", ["text", "tools"])
async def test_an_answer_has_the_room_that_the_prompt_and_the_tools_leave(open_bench: Open, form: Form) -> None:
    bench = await open_bench(FILES)
    model = Metered(Scripted([]), bench.account)
    model.context_tokens = 8192
    prefix = Prefix.build("It is wrong.", "a map\n" * 1500, SPECS, form)
    shared = replace(bench.make(model), form=form, prefix=prefix)
    request = Workbench(shared, 1).request([prefix.instruction(1)], 0)
    assert size_of(request) / 3 + request.max_tokens == pytest.approx(8192, abs=1)
