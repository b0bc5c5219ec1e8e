"""What the discipline of one shared prefix is worth at a real server: tokens from the cache, and time.

usage: benchmarks/prefix_cache.py [--base-url URL] [--model NAME] [--trajectories 10] [--turns 8] [--prefix 6000]

Each trajectory appends to its own history; all of an issue begin with the same prefix. "varied" puts a line in front that
is different in each trajectory, as a time or an id would be; "rewritten" changes it with every turn.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path
from time import monotonic

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which selection.py is no package

from agents.models import Account, Admission, Model, ModelRequest, Usage
from agents.models.load import open_model
from agents.settings import Settings
from memory import Budget, Journal, Ledger, Runs, Store, Teller

ANSWER = 40  # tokens of each answer


async def trajectory(
    model: Model, admission: Admission, options: argparse.Namespace, way: str, number: int, prefix: str
) -> list[Usage]:
    messages = [{"role": "system", "content": prefix}]
    if way == "varied":
        messages.insert(0, {"role": "system", "content": f"trajectory {number} {secrets.token_hex(4)}"})
    usages = []
    expected = options.prefix * 2 + options.turns * 4 * ANSWER
    async with admission.place(expected, issue="i", shared=options.prefix if way == "shared" else 0) as place:
        for turn in range(options.turns):
            messages.append(
                {"role": "user", "content": f"observation {turn} of trajectory {number}: " + "x = 1; " * 20}
            )
            first = [{"role": "system", "content": secrets.token_hex(4)}] if way == "rewritten" else []
            request = ModelRequest(
                [*first, *messages],
                max_tokens=ANSWER,
                stage="bench",
                temperature=1.0,
                issue="i",
                trajectory=str(number),
                step=turn,
            )
            answer = await model.complete(request)
            messages.append({"role": "assistant", "content": answer.text})
            usages.append(answer.usage)
            place.uses(answer.usage.total)
    return usages


async def measure(options: argparse.Namespace, way: str) -> str:
    with tempfile.TemporaryDirectory() as state, Store.open(Path(state)) as store:
        run = Runs(store).create({})
        account = Account(Teller(Ledger(store, run, Budget(tokens=10**9))), Journal(store, run))
        model = await open_model(options.model, Settings(), account, base_url=options.base_url)
        admission = Admission(lambda: model.load("i"))
        prefix = f"issue {secrets.token_hex(8)}\n" + "def parse(text): return text\n" * (options.prefix // 8)
        started = monotonic()
        numbers = range(options.trajectories)
        done = await asyncio.gather(*(trajectory(model, admission, options, way, each, prefix) for each in numbers))
        seconds = monotonic() - started
        await model.close()
    usages = [usage for each in done for usage in each]
    prompt, cached = sum(usage.prompt for usage in usages), sum(usage.cached or 0 for usage in usages)
    return f"| {way} | {admission.peak} | {prompt} | {cached} | {cached / prompt:.1%} | {seconds:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--trajectories", type=int, default=10)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--prefix", type=int, default=6000, help="tokens, about")
    parser.add_argument("--ways", nargs="+", default=["shared", "varied", "rewritten"])
    options = parser.parse_args()
    print("| prompts | live at once | prompt tokens | cached | share | s |\n|---|---|---|---|---|---|")
    for way in options.ways:
        print(asyncio.run(measure(options, way)), flush=True)


if __name__ == "__main__":
    main()
