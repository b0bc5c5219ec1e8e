"""What a reservation and its settlement cost, on SQLite and on Redis.

    python benchmarks/ledger.py [--json] [--url redis://127.0.0.1:6379/0] [--pairs 1000]

A pair is a `reserve` and its `settle`, with the journal's event, as for every call of a model. One process, then four at
once on one account: microseconds for a pair as the process that waits for it sees it (median), and pairs a second of all
of them. `late`: the same after 10,000 pairs of the same Run. What is in Redis is deleted at the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])

from memory import Amounts, Budget, Ledger, Runs, Store

PROCESSES = (1, 4)
EARLIER = 10_000
SPEND = Amounts(tokens=1200, usd=0.0021)


def work(state: str, run_id: str, url: str | None, pairs: int, start: Any) -> list[float]:
    """Seconds of each pair; begins with the others."""
    with Store.open(Path(state)) as store, Ledger(store, run_id, Budget(tokens=10**12), url=url) as ledger:
        if start is not None:
            start.wait()
        took = []
        for _ in range(pairs):
            began = time.perf_counter()
            ledger.settle(ledger.reserve("edit", SPEND), SPEND)
            took.append(time.perf_counter() - began)
        return took


def measure(state: str, url: str | None, processes: int, pairs: int, earlier: int = 0) -> tuple[dict[str, float], str]:
    with Store.open(Path(state)) as store:
        run_id = Runs(store).create({})
    if earlier:
        work(state, run_id, url, earlier, None)
    with multiprocessing.Manager() as manager, multiprocessing.Pool(processes) as pool:
        start = manager.Barrier(processes + 1)
        ends = [pool.apply_async(work, (state, run_id, url, pairs, start)) for _ in range(processes)]
        start.wait()
        began = time.perf_counter()
        took = [each for end in ends for each in end.get()]
        wall_s = time.perf_counter() - began
    with Store.open(Path(state)) as store, Ledger(store, run_id, Budget(), url=url) as ledger:
        assert ledger.bill().total.tokens == 1200 * (processes * pairs + earlier), "every pair is on the bill"
    return {"pair_us": statistics.median(took) * 1e6, "pairs_per_s": processes * pairs / wall_s}, run_id


def drop(url: str, runs: list[str]) -> None:
    from redis import Redis

    with Redis.from_url(url) as client:
        for run_id in runs:
            client.delete(*client.scan_iter(f"runoff:{{{run_id}}}:*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end in one object with every figure")
    parser.add_argument("--url", default="redis://127.0.0.1:6379/0", help="of a Redis; empty: without")
    parser.add_argument("--pairs", type=int, default=1000, help="of each process")
    asked = parser.parse_args()
    figures: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    for name, url in {"sqlite": None, "redis": asked.url}.items():
        if url == "":
            continue
        runs = []
        figures[name] = {}
        try:
            with tempfile.TemporaryDirectory() as state:
                for label, processes, earlier in [*((str(n), n, 0) for n in PROCESSES), ("late", 1, EARLIER)]:
                    row, run_id = measure(state, url, processes, asked.pairs, earlier)
                    runs.append(run_id)
                    figures[name][label] = row
                    say(f"  {name:<7} {label:>5}: {row['pair_us']:7.0f} us a pair, {row['pairs_per_s']:7.0f} a second")
        finally:
            if url is not None:
                drop(url, runs)
    if asked.json:
        print(json.dumps(figures))


def say(text: str) -> None:
    print(text, file=sys.stderr if "--json" in sys.argv else sys.stdout, flush=True)


if __name__ == "__main__":
    main()
