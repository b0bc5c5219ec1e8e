"""One statement -> what it assigns and calls: names, and values that are literals, references, lists, dicts and f-strings.

Nothing is evaluated. What the language does not have is a fault that says what to write instead.
"""

from __future__ import annotations

import ast
import re
from typing import Any, cast

from planner import plain
from planner.errors import MOST_FAULTS, CompileError
from planner.parsed import ENDS, HALF, NodePlace, Parsed, Place, Spot, indent, joined
from planner.plan import Reference
from planner.statements import Statement


class _Fault(Exception):
    def __init__(self, node: ast.AST, code: str, message: str, hint: str) -> None:
        self.node, self.code, self.message, self.hint = node, code, message, hint


def assigned_name(text: str) -> str | None:
    """The name that a statement assigns, even if the rest of it cannot be read."""
    before, assigns, _ = text.partition("=")
    name = re.split(r"\W", before.rstrip())[-1]
    return name if assigns and "(" not in before and name.isidentifier() else None


def read_reference(text: str) -> Reference:
    """`hits[0].path`. Raises ValueError when it is something else."""
    try:
        return _reference(ast.parse(text, mode="eval").body)
    except _Fault as fault:
        raise ValueError(f"{text!r} is no reference: {fault.message}") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text[:80]!r} is no reference") from None


def parse(statement: Statement) -> tuple[Parsed | None, list[CompileError]]:
    """The statement, or its faults."""
    plainly = plain.read(statement)
    return (plainly, []) if plainly is not None else parse_fully(statement)


def parse_fully(statement: Statement) -> tuple[Parsed | None, list[CompileError]]:
    """The same, with Python's parser whatever it is."""
    reader = _Reader(statement)
    node = reader.tree()
    parsed = reader.statement(node) if node is not None else None
    return (None if reader.errors else parsed), reader.errors


class _Reader:
    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._uses: list[tuple[Reference, Spot]] = []
        self.errors: list[CompileError] = []

    def tree(self) -> ast.stmt | None:
        statement = self._statement
        shift = indent(statement.text)
        if statement.fault:
            lines = statement.text.split("\n")
            last = len(lines) - 1 if statement.column else 0
            self.errors.append(Place(statement.line + last, statement.column, lines[last]).fault(*statement.fault))
            return None
        try:
            body = ast.parse(statement.text[shift:]).body
        except SyntaxError as error:
            lines = statement.text.split("\n")
            line = min(max(error.lineno or 1, 1), len(lines))
            column = max(0, (error.offset or 1) - 1) + (shift if line == 1 else 0)
            place = Place(statement.line + line - 1, min(column, len(lines[line - 1])), lines[line - 1])
            self.errors.append(place.fault("syntax", f"this cannot be read: {error.msg}", _EXPECTED))
            return None
        except (ValueError, RecursionError, MemoryError) as error:
            why = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
            self._refuse("syntax", f"this cannot be read: {why}", _EXPECTED)
            return None
        if len(body) != 1:
            self._refuse("syntax", "these are several statements", "write one to a line")
            return None
        return body[0]

    def statement(self, node: ast.stmt) -> Parsed | None:
        try:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=tool)) as call):
                    _refuse_private(node, name)
                    return self._call(name, tool, node, call)
                case ast.Expr(value=ast.Call(func=ast.Name(id=tool)) as call) if tool in ENDS:
                    return self._call(None, tool, node, call)
                case ast.Expr(value=ast.Call()):
                    raise _Fault(node, "not-a-call", "the call's result has no name", _EXPECTED)
                case ast.Assign(targets=[ast.Name()]):
                    raise _Fault(node.value, "not-a-call", f"{_kind(node.value)} is not a call of a tool", _EXPECTED)
            raise _Fault(node, "not-a-call", f"{_kind(node)} is not part of the plan language", _EXPECTED)
        except _Fault as fault:
            self._fault(fault)
        except RecursionError:
            self._refuse("syntax", "this cannot be read: it is nested too deeply", _EXPECTED)
        return None

    def _call(self, name: str | None, tool: str, node: ast.stmt, call: ast.Call) -> Parsed:
        arguments: dict[str, Any] = {}
        places: dict[str, Spot] = {}
        for each in call.args:
            if isinstance(each, ast.Starred):
                self._fault(_Fault(each, "unpacking", "`*` is not allowed here", "write every argument by its name"))
            else:
                self._fault(_Fault(each, "positional", "arguments are given by name", f"write {tool}(name=value)"))
        for keyword in call.keywords:
            try:
                if keyword.arg is None:
                    raise _Fault(keyword, "unpacking", "`**` is not allowed here", "write every argument by its name")
                if keyword.arg in arguments:
                    raise _Fault(keyword, "argument-twice", f"{keyword.arg} is given twice", "give it once")
                arguments[keyword.arg] = None
                places[keyword.arg] = NodePlace(self._statement, keyword.value)
                arguments[keyword.arg] = self._value(keyword.value)
            except _Fault as fault:
                self._fault(fault)
        return Parsed(
            name,
            tool,
            arguments,
            self._statement.line,
            NodePlace(self._statement, node),
            NodePlace(self._statement, call),
            places,
            self._uses,
        )

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=str() as text):
                return _text(node, text)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                reference = _reference(node)
                self._uses.append((reference, NodePlace(self._statement, node)))
                return reference
            case ast.Constant(value=int() | float() | bool() | None as value):
                return _number(node, value)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=int() | float() as value)):
                _number(node, value)
                return -value if isinstance(sign, ast.USub) else value
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return [self._value(part) for part in parts]
            case ast.Dict(keys=keys, values=values):
                return {_key(node, key): self._value(value) for key, value in zip(keys, values, strict=True)}
            case ast.JoinedStr(values=parts):
                return joined([self._part(part) for part in parts])
        raise _Fault(node, "not-a-value", f"{_kind(node)} is not a value that a plan may hold", _VALUE)

    def _part(self, node: ast.expr) -> str | Reference:
        match node:
            case ast.Constant(value=str() as text):
                return _text(node, text)
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                reference = _reference(inner)
                self._uses.append((reference, NodePlace(self._statement, node)))
                return reference
        raise _Fault(node, "not-a-value", "an f-string holds only names, without conversion or format", "write {name}")

    def _fault(self, fault: _Fault) -> None:
        if len(self.errors) >= MOST_FAULTS:
            return
        place = NodePlace(self._statement, fault.node)
        self.errors.append(place.fault(fault.code, fault.message, fault.hint))

    def _refuse(self, code: str, message: str, hint: str) -> None:
        first = self._statement.text.split("\n", 1)[0]
        self.errors.append(Place(self._statement.line, indent(first), first).fault(code, message, hint))


_EXPECTED = "write `name = tool(argument=value)`"
_VALUE = "give a literal, or a reference to an earlier name"
_MOST_BITS = 1024  # of a number: Python refuses to write down very long ones
_KEY = (str, int, float, bool, type(None))


def _text(node: ast.AST, text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _Fault(node, *HALF) from None
    return text


def _number(node: ast.AST, value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise _Fault(node, "not-a-value", f"the number has more than {_MOST_BITS} bits", "write a smaller one")
    return value


def _key(node: ast.AST, key: ast.expr | None) -> Any:
    if isinstance(key, ast.Constant) and isinstance(key.value, _KEY):
        return _text(key, key.value) if isinstance(key.value, str) else _number(key, key.value)
    raise _Fault(key or node, "not-a-value", "a key must be a literal", "write it out")


def _reference(node: ast.expr) -> Reference:
    if isinstance(node, ast.Name):
        return Reference(node.id)
    path: list[tuple[str, str | int]] = []
    inner: ast.expr = node
    while True:
        match inner:
            case ast.Attribute(value=rest, attr=name):
                _refuse_private(inner, name)
                path.append(("field", name))
                inner = rest
            case ast.Subscript(value=rest, slice=index):
                path.append(("index", _index(index)))
                inner = rest
            case ast.Name(id=name):
                return Reference(name, tuple(reversed(path)))
            case _:
                raise _Fault(inner, "not-a-reference", f"{_kind(inner)} has no parts here", "name the result first")


def _index(node: ast.expr) -> str | int:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=str() as key):
            return _text(node, key)
        case ast.Constant(value=int() as number):
            return cast("int", _number(node, number))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
            return -cast("int", _number(node, number))
    raise _Fault(node, "not-a-reference", "an index is a number or a text", "write name[0] or name['key']")


def _refuse_private(node: ast.AST, name: str) -> None:
    if name.startswith("_"):
        raise _Fault(node, "private", f"{name} begins with an underscore", "use another name")


_KINDS = {
    "Attribute": "a part of a result",
    "BinOp": "a calculation",
    "BoolOp": "a condition",
    "Call": "a call inside of another",
    "Compare": "a comparison",
    "Constant": "a literal of this kind",
    "IfExp": "a condition",
    "JoinedStr": "a text",
    "Name": "a bare name",
    "Starred": "`*`",
    "Subscript": "a part of a result",
    "AsyncFor": "a loop",
    "For": "a loop",
    "While": "a loop",
    "If": "a condition",
    "Lambda": "a function",
    "FunctionDef": "a function",
    "AsyncFunctionDef": "a function",
    "ClassDef": "a class",
    "DictComp": "a comprehension",
    "GeneratorExp": "a comprehension",
    "ListComp": "a comprehension",
    "SetComp": "a comprehension",
    "Import": "an import",
    "ImportFrom": "an import",
    "AugAssign": "a change of a name",
    "AnnAssign": "a name with a type",
    "Assign": "this assignment",
    "Await": "await",
    "List": "a list",
    "Dict": "a dict",
    "Tuple": "a list",
}


def _kind(node: ast.AST) -> str:
    name = type(node).__name__
    return _KINDS.get(name, f"this ({name})")
