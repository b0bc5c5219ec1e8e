"""What the edits need to know of the code around a statement: names, kinds of value, and what the code seems to forget.

All of it is guessed from the syntax tree of one function and its module. A guess orders proposals; it never forbids one that
tests could confirm.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from agents.repair.source import SourceFile

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_BLOCKS = ("body", "orelse", "finalbody")
_RESULTS = {
    "len": "int", "sum": "int", "int": "int", "ord": "int", "round": "int", "str": "str", "repr": "str", "chr": "str",
    "list": "list", "sorted": "list", "dict": "dict", "defaultdict": "dict", "Counter": "dict", "OrderedDict": "dict",
    "set": "set", "frozenset": "set", "deque": "list", "float": "int", "bool": "bool", "isinstance": "bool",
    "any": "bool", "all": "bool", "range": "list", "reversed": "list",
}  # fmt: skip
_METHODS = {
    "append": "list", "extend": "list", "insert": "list", "sort": "list", "popleft": "list", "appendleft": "list",
    "add": "set", "discard": "set", "union": "set", "issuperset": "set", "issubset": "set",
    "items": "dict", "keys": "dict", "values": "dict", "get": "dict", "setdefault": "dict",
    "split": "str", "strip": "str", "lower": "str", "upper": "str", "startswith": "str", "endswith": "str",
    "join": "str", "format": "str", "replace": "str", "isdigit": "str", "encode": "str",
}  # fmt: skip
_NO_VALUE = (ast.Name, ast.Constant, ast.Starred, ast.Slice, ast.Yield, ast.YieldFrom)
CONTAINERS = {"list", "dict", "set", "str", "container"}
FILLERS = {"append", "add", "extend", "insert", "update", "appendleft", "setdefault", "push", "put"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with the block that holds it and the functions around it, the outermost first."""

    node: ast.stmt
    block: list[ast.stmt]
    place: int
    owner: ast.AST
    functions: tuple[Function, ...]
    loops: tuple[ast.stmt, ...]


@dataclass
class Context:
    """One outermost function (or method) and its module. Facts are computed when first asked for."""

    source: SourceFile
    function: Function
    qualname: str
    in_class: ast.ClassDef | None
    module: Module
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for parent in ast.walk(self.function):
            for child in ast.iter_child_nodes(parent):
                self.parents[child] = parent

    def text(self, node: ast.AST) -> str:
        return self.source.segment(node)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(_statements(self.function.body, self.function, (self.function,), ()))

    @cached_property
    def bindings(self) -> dict[str, list[ast.AST]]:
        """Where each local name is bound: its nodes, in order."""
        found: dict[str, list[ast.AST]] = {}
        for node in ast.walk(self.function):
            if isinstance(node, ast.arg):
                found.setdefault(node.arg, []).append(node)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.setdefault(node.id, []).append(node)
            elif isinstance(node, Function) and node is not self.function:
                found.setdefault(node.name, []).append(node)
        return found

    @cached_property
    def loads(self) -> Counter[str]:
        return Counter(
            node.id for node in ast.walk(self.function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        )

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        return tuple(arg.arg for arg in _arguments(self.function) if arg.arg not in ("self", "cls"))

    @cached_property
    def kinds(self) -> dict[str, str]:
        """What each name seems to hold: int (any number), str, bool, list, dict, set, container, function, object."""
        votes: dict[str, Counter[str]] = {}
        for name, kind in _kind_votes(self.function):
            votes.setdefault(name, Counter())[kind] += 1
        kinds = {name: _likeliest(counter) for name, counter in votes.items()}
        for name, nodes in self.bindings.items():
            if any(isinstance(node, Function) for node in nodes):
                kinds[name] = "function"
        return kinds

    def kind(self, node: ast.AST) -> str | None:
        """The kind of an expression; None when nothing tells."""
        if isinstance(node, ast.Name):
            return self.kinds.get(node.id)
        return kind_of_value(node)

    def visible(self, statement: Statement, node: ast.AST | None = None) -> tuple[str, ...]:
        """Local names that can be read at a statement (at `node` in it, where comprehensions bind more)."""
        names: dict[str, None] = {}
        for function in statement.functions:
            names.update(dict.fromkeys(arg.arg for arg in _arguments(function)))
        last = statement.node.end_lineno or statement.node.lineno
        for name, nodes in self.bindings.items():
            for bound in nodes:
                if self._inner_scope(bound) not in statement.functions or self._comprehension(bound) is not None:
                    continue
                if getattr(bound, "lineno", 0) <= last or statement.loops:
                    names[name] = None
        inner = node
        while inner is not None and not isinstance(inner, ast.stmt):
            if isinstance(inner, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
                for each in inner.generators:
                    names.update(dict.fromkeys(n.id for n in ast.walk(each.target) if isinstance(n, ast.Name)))
            elif isinstance(inner, ast.Lambda):
                names.update(dict.fromkeys(arg.arg for arg in inner.args.args))
            inner = self.parents.get(inner)
        return tuple(name for name in names if name not in ("self", "cls"))

    def _inner_scope(self, node: ast.AST) -> ast.AST | None:
        parent = self.parents.get(node)
        while parent is not None and not isinstance(parent, _SCOPES):
            parent = self.parents.get(parent)
        return parent

    def _comprehension(self, node: ast.AST) -> ast.AST | None:
        parent = self.parents.get(node)
        while parent is not None and not isinstance(parent, ast.stmt):
            if isinstance(parent, ast.comprehension):
                return parent
            parent = self.parents.get(parent)
        return None

    @cached_property
    def forgotten(self) -> frozenset[str]:
        """Names that look as if the code forgot them: bound and never read; a container made empty and never filled;
        a variable set before a loop, read in it, and never set again."""
        found = {name for name in self.bindings if not self.loads[name] and not name.startswith("_")}
        return frozenset(found | self._never_filled() | self._never_advanced())

    def _never_filled(self) -> set[str]:
        empty = set()
        for node in ast.walk(self.function):
            if isinstance(node, ast.Assign) and _is_empty(node.value):
                empty |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        filled = set()
        for node in ast.walk(self.function):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in FILLERS:
                    filled.add(name)
                case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()) | ast.AugAssign(target=ast.Name(id=name)):
                    filled.add(name)
        return {name for name in empty if name not in filled and len(self.bindings.get(name, [])) == 1}

    def _never_advanced(self) -> set[str]:
        found = set()
        for loop in ast.walk(self.function):
            if not isinstance(loop, ast.While | ast.For):
                continue
            inside = list(ast.walk(loop))
            read = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
            for name, nodes in self.bindings.items():
                plain = all(isinstance(self.parents.get(node), ast.Assign) for node in nodes)
                if name in read and plain and not any(node in inside for node in nodes):
                    found.add(name)
        return {name for name in found if self.kinds.get(name) not in CONTAINERS}

    @cached_property
    def expressions(self) -> tuple[ast.expr, ...]:
        """Distinct expressions of the function that are more than a name or a constant, and not large."""
        found: dict[str, ast.expr] = {}
        for node in ast.walk(self.function):
            if isinstance(node, ast.expr) and not isinstance(node, _NO_VALUE):
                text = self.text(node)
                if len(text) <= 60 and "\n" not in text:
                    found.setdefault(text, node)
        return tuple(found.values())


@dataclass
class Module:
    """What the whole module offers: functions, constants, attributes seen, in the order of the file."""

    source: SourceFile

    @cached_property
    def functions(self) -> dict[str, int]:
        """Module-level functions and the number of their positional parameters."""
        return {
            node.name: len(node.args.posonlyargs + node.args.args)
            for node in self.source.tree.body
            if isinstance(node, Function)
        }

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """Names that the module binds at its top level to something that is no function, class or import."""
        found: dict[str, None] = {}
        for node in self.source.tree.body:
            for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
                if isinstance(target, ast.Name):
                    found[target.id] = None
        return tuple(found)

    @cached_property
    def attributes(self) -> Counter[str]:
        return Counter(node.attr for node in ast.walk(self.source.tree) if isinstance(node, ast.Attribute))

    @cached_property
    def methods(self) -> Counter[str]:
        """Attributes that are called."""
        return Counter(
            node.func.attr
            for node in ast.walk(self.source.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        )

    @cached_property
    def literals(self) -> Counter[str]:
        """The text of constants (numbers, strings), without docstrings and other bare strings."""
        bare = {id(node.value) for node in ast.walk(self.source.tree) if isinstance(node, ast.Expr)}
        return Counter(
            repr(node.value)
            for node in ast.walk(self.source.tree)
            if isinstance(node, ast.Constant) and id(node) not in bare and isinstance(node.value, int | float | str)
        )

    def contexts(self) -> Iterator[Context]:
        """Every outermost function and method."""
        yield from self._contexts(self.source.tree.body, "", None)

    def _contexts(self, body: list[ast.stmt], prefix: str, owner: ast.ClassDef | None) -> Iterator[Context]:
        for node in body:
            if isinstance(node, Function):
                yield Context(self.source, node, prefix + node.name, owner, self)
            elif isinstance(node, ast.ClassDef):
                yield from self._contexts(node.body, f"{prefix}{node.name}.", node)
            elif isinstance(node, ast.If | ast.Try):
                for field_name in _BLOCKS:
                    yield from self._contexts(getattr(node, field_name, []), prefix, owner)


def kind_of_value(node: ast.AST) -> str | None:
    """The kind of an expression by its form alone."""
    match node:
        case ast.Constant(value=bool()):
            return "bool"
        case ast.Constant(value=int() | float()):
            return "int"
        case ast.Constant(value=str()) | ast.JoinedStr():
            return "str"
        case ast.List() | ast.ListComp():
            return "list"
        case ast.Dict() | ast.DictComp():
            return "dict"
        case ast.Set() | ast.SetComp():
            return "set"
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return "bool"
        case ast.Call(func=ast.Name(id=name)):
            return _RESULTS.get(name)
        case ast.BinOp(op=ast.Sub() | ast.Div() | ast.FloorDiv() | ast.Mod() | ast.Pow()):
            return "int"
        case ast.BinOp(left=left, right=right):
            return kind_of_value(right) or kind_of_value(left)
        case ast.UnaryOp(operand=operand):
            return kind_of_value(operand)
    return None


def own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement itself, without the statements that it holds."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        pending += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _statements(
    block: list[ast.stmt], owner: ast.AST, functions: tuple[Function, ...], loops: tuple[ast.stmt, ...]
) -> Iterator[Statement]:
    for place, node in enumerate(block):
        yield Statement(node, block, place, owner, functions, loops)
        inner = (*functions, node) if isinstance(node, Function) else functions
        if isinstance(node, Function):
            within: tuple[ast.stmt, ...] = ()
        else:
            within = (*loops, node) if isinstance(node, ast.For | ast.While | ast.AsyncFor) else loops
        for name in _BLOCKS:
            if isinstance(held := getattr(node, name, None), list):
                yield from _statements(held, node, inner, within)
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body, handler, inner, within)
        for case in getattr(node, "cases", []):
            yield from _statements(case.body, case, inner, within)


def _arguments(function: Function) -> list[ast.arg]:
    arguments = function.args
    extra = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _is_empty(node: ast.AST) -> bool:
    match node:
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=ast.Name(id="list" | "dict" | "set" | "deque" | "defaultdict" | "Counter")):
            return not any(not isinstance(arg, ast.Name | ast.Lambda) for arg in node.args)
    return False


def _likeliest(votes: Counter[str]) -> str:
    """The kind with most votes. That a name has attributes or elements says less than anything else that is known."""
    telling = {kind: number for kind, number in votes.items() if kind not in ("object", "container")}
    if telling:
        return max(telling, key=telling.__getitem__)
    return "container" if "container" in votes else "object"


def _kind_votes(function: Function) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[*targets], value=value) if kind := kind_of_value(value):
                yield from ((target.id, kind) for target in targets if isinstance(target, ast.Name))
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                yield name, kind_of_value(value) or "int"
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"))):
                yield name, "int"
            case ast.comprehension(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"))):
                yield name, "int"
            case ast.For(iter=ast.Name(id=name)) | ast.comprehension(iter=ast.Name(id=name)):
                yield name, "container"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in _METHODS:
                yield name, _METHODS[method]
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]):
                yield name, "container"
            case ast.Call(func=ast.Name(id="range"), args=arguments):
                yield from ((arg.id, "int") for arg in arguments if isinstance(arg, ast.Name))
            case ast.Call(func=ast.Name(id=name)):
                yield name, "function"
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Slice(lower=lower, upper=upper)):
                yield name, "list"
                yield from ((bound.id, "int") for bound in (lower, upper) if isinstance(bound, ast.Name))
            case ast.Subscript(value=ast.Name(id=name)):
                yield name, "container"
            case ast.Attribute(value=ast.Name(id=name)):
                yield name, "object"
            case ast.Compare(left=left, comparators=[right], ops=[ast.Lt() | ast.Gt() | ast.LtE() | ast.GtE()]):
                yield from ((side.id, "int") for side in (left, right) if isinstance(side, ast.Name))
            case ast.BinOp(left=ast.Name(id=name), right=right) if kind_of_value(right) == "int":
                yield name, "int"
            case ast.BinOp(op=ast.Sub(), right=ast.Name(id=name)):
                yield name, "int"
