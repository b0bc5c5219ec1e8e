"""What compiling costs: CPU microseconds for each statement, with all passes, and how that grows.

    python benchmarks/planner.py [--json]

- statements: plans of 100 to 10,000 statements of several kinds, at once and in chunks of 4 characters, beside Python's
  own parser on the same lines
- monsters: texts that slow a careless reader down, twice as long each time; the growth exponent is about 1 when it is linear
- edges: plans in which everything touches everything; edges for each Call
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which planner.py is no package

from pydantic import BaseModel

from planner import ALL, PURE, CompileErrors, Compiler, Effects, ToolSpec, always, compile_plan, touches


class Grep(BaseModel):
    pattern: str
    path: str = "."


class Hit(BaseModel):
    path: str
    line: int


class Read(BaseModel):
    path: str
    lines: list[int] = []


class Edit(BaseModel):
    path: str
    search: str
    replace: str


class Value(BaseModel):
    of: Any = None


TOOLS = (
    ToolSpec("grep", "", Grep, "sandbox", 0.2, touches(reads=("path",)), list[Hit]),
    ToolSpec("read", "", Read, "sandbox", 0.1, touches(reads=("path",))),
    ToolSpec("edit", "", Edit, "sandbox", 0.1, touches(reads=("path",), writes=("path",))),
    ToolSpec("run_tests", "", Value, "sandbox", 5.0, always(Effects(reads=(ALL,)))),
    ToolSpec("think", "", Value, "host", 0.1, always(PURE)),
)


def mixed(n: int) -> str:
    kinds = (
        'v{n} = grep(pattern="def f{n}", path="src/m{m}")',
        'v{n} = read(path="src/m{m}/f{n}.py", lines=[1, 20])',
        'v{n} = edit(path="src/m{m}/f{n}.py", search="a < b", replace="a <= b")',
        "v{n} = read(path=v{first}[0].path, lines=[v{first}[0].line])",
        'v{n} = think(of=f"{{v{before}}} and {{v{first}[0].path}}")',
    )
    lines = [kinds[k % 5].format(n=k, m=k % 97, first=k // 5 * 5, before=k - 1) for k in range(n)]
    return "\n".join(lines)


SIZES = (100, 1000, 10_000)
MONSTERS: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "a = read(path=" + "(" * n,
    "quotes": lambda n: "a = read(path=" + "'" * n,
    "backslashes": lambda n: "a = read(path='" + "\\" * n,
    "one word": lambda n: "x" * n,
    "prose": lambda n: "see f(x) (there\n" * (n // 16),
    "unclosed calls": lambda n: "a = read(\n" * (n // 10),
    "one long text": lambda n: 'a = read(path="""' + "x = f(\n" * (n // 7) + '""")',
    "readers and writers": lambda n: "".join(
        f"w{k} = edit(path='d/{k}', search='', replace='')\nr{k} = read(path='d', lines=[{k}])\n"
        for k in range(n // 80)
    ),
}
MONSTER_SIZES = (1 << 15, 1 << 16, 1 << 17)


def seconds(text: str, chunk: int = 0, rounds: int = 3) -> float:
    """The least CPU seconds to compile a text, at once or in chunks."""
    best = math.inf
    for _ in range(rounds):
        compiler = Compiler(TOOLS)
        began = time.process_time()
        try:
            if chunk:
                for place in range(0, len(text), chunk):
                    compiler.feed(text[place : place + chunk])
            else:
                compiler.feed(text)
            compiler.finish()
        except CompileErrors:
            pass
        best = min(best, time.process_time() - began)
    return best


def python_seconds(text: str) -> float:
    began = time.process_time()
    for line in text.split("\n"):
        ast.parse(line)
    return time.process_time() - began


def exponent(sizes: tuple[int, ...], totals: list[float]) -> float:
    """The slope of log(total) over log(size)."""
    return statistics.linear_regression([math.log(n) for n in sizes], [math.log(t) for t in totals]).slope


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end in one object with every figure")
    as_json = parser.parse_args().json

    def say(text: str) -> None:
        print(text, file=sys.stderr if as_json else sys.stdout, flush=True)

    figures: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    compile_plan(mixed(100), TOOLS)  # what is made once for each tool
    say("us for each statement:")
    rows: dict[str, Any] = {}
    for size in SIZES:
        text = mixed(size)
        rows[str(size)] = {
            "at_once_us": seconds(text) / size * 1e6,
            "in_chunks_us": seconds(text, chunk=4) / size * 1e6,
            "python_parser_us": min(python_seconds(text) for _ in range(3)) / size * 1e6,
        }
        say(f"  {size:>6}: " + "  ".join(f"{name} {value:.1f}" for name, value in rows[str(size)].items()))
    rows["exponent"] = exponent(SIZES, [rows[str(size)]["at_once_us"] * size for size in SIZES])
    say(f"  growth exponent {rows['exponent']:.2f}")
    figures["statements"] = rows

    say("monsters, growth exponent at once / in chunks of 4:")
    figures["monsters"] = {}
    for name, make in MONSTERS.items():
        whole = exponent(MONSTER_SIZES, [seconds(make(size)) for size in MONSTER_SIZES])
        pieces = exponent(MONSTER_SIZES, [seconds(make(size), chunk=4) for size in MONSTER_SIZES])
        figures["monsters"][name] = {"at_once": whole, "in_chunks": pieces}
        say(f"  {name:<22}{whole:.2f} / {pieces:.2f}")

    plan = compile_plan(MONSTERS["readers and writers"](1 << 17), TOOLS)
    figures["edges_per_call"] = sum(len(call.needs) for call in plan.calls) / len(plan.calls)
    say(f"edges for each Call, readers and writers of one directory: {figures['edges_per_call']:.2f}")
    if as_json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
