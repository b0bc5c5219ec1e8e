"""The compiler: a plan's text, cut anywhere, goes in; each Call comes out in the moment in which its statement is complete.

    hits = grep(pattern="def parse_date", path="src")
    body = read(path=hits[0].path)
    finish(answer=body.text)

`Compiler.add` is the main loop: what the passes do with one statement. Nothing is ever evaluated.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import BaseModel

from planner.arguments import check_arguments
from planner.dedupe import Dedupe
from planner.errors import MOST_FAULTS, CompileError, CompileErrors, nearest
from planner.hazards import Hazards
from planner.names import Names
from planner.parse import assigned_name, parse
from planner.parsed import ENDS, Parsed
from planner.plan import Call, End, Plan, Why, renamed
from planner.prune import prune
from planner.rank import rank
from planner.statements import Splitter, Statement
from planner.tools import ToolSpec

_EXPECTED = "write one `name = tool(argument=value)` on each line"


def compile_plan(text: str | bytes, tools: Iterable[ToolSpec]) -> Plan:
    """Compile a whole text. Raises CompileErrors, and for no text anything else."""
    compiler = Compiler(tools)
    compiler.feed(text)
    return compiler.finish()


class Compiler:
    """Compiles one plan while it is being written."""

    def __init__(self, tools: Iterable[ToolSpec]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._splitter = Splitter(self._tools)
        self._names = Names()
        self._hazards = Hazards()
        self._dedupe = Dedupe()
        self._merged: dict[str, str] = {}
        self._calls: list[Call] = []
        self._end: End | None = None
        self.errors: list[CompileError] = []

    def feed(self, chunk: str | bytes) -> list[Call]:
        """The Calls whose statements this chunk completes, each with what it waits for; none after the first fault."""
        statements = self._splitter.feed(chunk)
        return self._compile(statements) if statements else []

    def finish(self) -> Plan:
        """The whole Plan, when the text has ended. Raises CompileErrors with every fault of it."""
        self._compile(self._splitter.finish())
        return self.plan()

    def plan(self) -> Plan:
        """What was added so far, pruned and ranked. Raises CompileErrors with every fault."""
        if not (self._calls or self._end or self.errors):
            self.errors.append(self._empty())
        if self.errors:
            raise CompileErrors(tuple(self.errors))
        calls, pruned = prune(self._calls, self._end)
        return Plan(tuple(calls), rank(calls), self._end, dict(self._merged), pruned)

    def _empty(self) -> CompileError:
        what, hint = "there is no statement of a plan in this", _EXPECTED
        if self._splitter.foreign is not None:
            language, line = self._splitter.foreign
            what += f"; what stands in the ```{language} fence of line {line} is passed over"
            hint += ", in a ```plan fence or without one"
        return CompileError("empty", 1, 0, what, hint)

    def _compile(self, statements: Iterable[Statement]) -> list[Call]:
        calls: list[Call] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the parser, about escapes
            for statement in statements:
                parsed, errors = parse(statement)
                calls += self.add(parsed) if parsed else self._refuse(errors, assigned_name(statement.text))
        return calls

    def add(self, parsed: Parsed) -> list[Call]:
        """Take one statement through the passes; returns the Calls that can run, joins before what waits for them."""
        tool, checked, errors = self._check(parsed)
        if errors:
            return self._refuse(errors[:MOST_FAULTS], parsed.name)
        arguments = renamed(parsed.arguments, self._merged) if self._merged and parsed.uses else parsed.arguments
        if parsed.name is None:
            self._end = End(parsed.end, arguments, parsed.line)
            return []
        assert tool is not None
        effects = tool.effects(arguments)
        uses = [self._merged.get(each.name, each.name) for each, _ in parsed.uses]
        needs, joins = self._hazards.order(parsed.name, effects, uses)
        self._names.define(parsed.name, tool.returns)
        found = [replace(join, needs=self._merged_needs(join.needs)) for join in joins]
        found.append(Call(parsed.name, tool, arguments, parsed.line, effects, self._merged_needs(needs), checked))
        same = self._dedupe.find(found[-1])
        if same is not None:
            self._merged[parsed.name] = same
            found.pop()
        self._calls += found
        return [] if self.errors else found

    def _check(self, parsed: Parsed) -> tuple[ToolSpec | None, BaseModel | None, list[CompileError]]:
        tool = self._tools.get(parsed.tool)
        if self._end is not None:
            return tool, None, [parsed.place.fault("after-end", f"nothing may follow {self._end.kind}", "end there")]
        if tool is None and parsed.tool not in ENDS:
            fault = parsed.tool_place.fault(
                "unknown-tool", f"there is no tool {parsed.tool}", nearest(parsed.tool, self._tools)
            )
            return None, None, [*self._names.check(parsed), fault]
        if parsed.tool in ENDS and parsed.name is not None:
            what = f"{parsed.tool} gives no result"
            return tool, None, [parsed.place.fault("not-a-call", what, f"write {parsed.tool}(…) without a name")]
        checked, errors = check_arguments(parsed, tool) if tool is not None else (None, [])
        return tool, checked, self._names.check(parsed) + errors

    def _refuse(self, errors: list[CompileError], name: str | None) -> list[Call]:
        self.errors += errors
        if name is not None:
            self._names.define_broken(name)
        return []

    def _merged_needs(self, needs: Mapping[str, Why]) -> Mapping[str, Why]:
        if self._merged.keys().isdisjoint(needs):
            return needs
        found: dict[str, Why] = {}
        for name, why in needs.items():  # results that are used come first, and their reason counts
            found.setdefault(self._merged.get(name, name), why)
        return found
