"""Plan text -> Plan. The text is a sequence of Python assignments, which are parsed and never evaluated:

    hits = grep(pattern="def parse_date", path="src")
    body = read(path=hits[0].path)

Every name is assigned once. A value is a literal, a reference to an earlier name with `.field` and `[index]`, or a list or
dict of those. All faults of a text are reported at once.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from planner.errors import CompileError, CompileErrors
from planner.plan import Call, Plan, Reference, references
from planner.tools import ToolSpec

MAX_TEXT = 1 << 18  # characters


def compile_plan(text: str, tools: Iterable[ToolSpec]) -> Plan:
    """Compile a whole text. Raises CompileErrors, and for no text anything else."""
    compilation = _Compilation({tool.name: tool for tool in tools})
    for statement in _parse(text):
        compilation.statement(statement)
    if compilation.errors:
        raise CompileErrors(tuple(compilation.errors))
    return Plan(_ranked(compilation.calls))


def _parse(text: str) -> Sequence[ast.stmt]:
    if len(text) > MAX_TEXT:
        raise CompileErrors((CompileError("too-long", 1, 0, f"the plan has more than {MAX_TEXT} characters"),))
    try:
        return ast.parse(text).body
    except SyntaxError as error:
        line, column = error.lineno or 1, max(0, (error.offset or 1) - 1)
        fault = CompileError("syntax", line, column, error.msg, "write one `name = tool(argument=value)` on each line")
    except (ValueError, RecursionError, MemoryError) as error:
        fault = CompileError("syntax", 1, 0, f"the plan cannot be read: {error or 'it is nested too deeply'}")
    raise CompileErrors((fault,))


class _Compilation:
    """The statements so far."""

    def __init__(self, tools: dict[str, ToolSpec]) -> None:
        self.tools = tools
        self.calls: dict[str, Call] = {}
        self.errors: list[CompileError] = []
        self._broken: set[str] = set()  # names whose statement has a fault of its own, told once

    def fault(self, code: str, node: ast.stmt | ast.expr, message: str, hint: str = "") -> None:
        self.errors.append(CompileError(code, node.lineno, node.col_offset, message, hint))

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=tool)) as call):
                before = len(self.errors)
                if name in self.calls or name in self._broken:
                    self.fault("assigned-twice", node, f"{name} is assigned twice", "give every result its own name")
                self._call(name, tool, call)
                if len(self.errors) > before:
                    self._broken.add(name)
            case _:
                hint = "write `name = tool(argument=value)`"
                self.fault("not-a-call", node, "this is not an assignment of one tool call", hint)

    def _call(self, name: str, tool: str, node: ast.Call) -> None:
        spec = self.tools.get(tool)
        if spec is None:
            self.fault("unknown-tool", node, f"there is no tool {tool}", _nearest(tool, self.tools))
            return
        for each in node.args:
            self.fault("positional", each, "arguments are given by name", f"write {tool}(name=value)")
        arguments: dict[str, Any] = {}
        fields = spec.arguments.model_fields
        for keyword in node.keywords:
            if keyword.arg is None:
                self.fault("unpacking", keyword.value, "`**` is not allowed here", "write every argument by its name")
            elif keyword.arg not in fields:
                hint = _nearest(keyword.arg, fields)
                self.fault("unknown-argument", keyword.value, f"{tool} has no argument {keyword.arg}", hint)
            else:
                arguments[keyword.arg] = self._value(keyword.value)
                self._check(spec, keyword.arg, arguments[keyword.arg], keyword.value)
        given = {keyword.arg for keyword in node.keywords}
        missing = [field for field, info in fields.items() if info.is_required() and field not in given]
        if missing:
            self.fault("missing-argument", node, f"{tool} needs {', '.join(missing)}", f"add {missing[0]}=…")
        needs = tuple(dict.fromkeys(each.name for each in references(arguments)))
        self.calls[name] = Call(name, spec, arguments, needs, node.lineno)

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=str() | int() | float() | bool() | None as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return [self._value(part) for part in parts]
            case ast.Dict(keys=keys, values=values) if all(isinstance(key, ast.Constant) for key in keys):
                return {key.value: self._value(value) for key, value in zip(keys, values, strict=True)}  # type: ignore[union-attr]
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._reference(node)
            case _:
                hint = "give a literal, or a reference to an earlier name"
                self.fault("not-a-value", node, "this is not a value that a plan may hold", hint)
                return None

    def _reference(self, node: ast.expr) -> Reference | None:
        path: list[tuple[str, str | int]] = []
        inner: ast.expr = node
        while True:
            match inner:
                case ast.Attribute(value=rest, attr=field) if not field.startswith("_"):
                    path.append(("field", field))
                    inner = rest
                case ast.Subscript(value=rest, slice=ast.Constant(value=str() | int() as key)):
                    path.append(("index", key))
                    inner = rest
                case ast.Name(id=name):
                    break
                case _:
                    hint = "write name, name.field or name[0]"
                    self.fault("not-a-reference", inner, "this is not a reference to a result", hint)
                    return None
        if name not in self.calls:
            if name not in self._broken:
                self.fault("unknown-name", inner, f"{name} is not assigned above", _nearest(name, self.calls))
            return None
        return Reference(name, tuple(reversed(path)))

    def _check(self, spec: ToolSpec, field: str, value: Any, node: ast.expr) -> None:
        """Literals are checked now; what holds a reference is checked when its Call starts."""
        if self.errors or any(references(value)):
            return
        annotation: Any = spec.arguments.model_fields[field].annotation
        try:
            TypeAdapter(annotation).validate_python(value)
        except ValidationError as error:
            self.fault("wrong-type", node, f"{spec.name}'s {field}: {error.errors()[0]['msg']}")


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known)) or 'nothing yet'}"


def _ranked(calls: dict[str, Call]) -> tuple[Call, ...]:
    """Each Call with its upward rank: the longest remaining path. Source: Topcuoglu et al., HEFT, 2002."""
    longest: dict[str, float] = {}
    for call in reversed(calls.values()):
        rank = call.tool.cost_s + longest.get(call.name, 0.0)
        calls[call.name] = replace(call, rank=rank)
        for need in call.needs:
            longest[need] = max(longest.get(need, 0.0), rank)
    return tuple(calls.values())
