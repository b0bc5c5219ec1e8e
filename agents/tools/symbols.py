"""What source files define, and where a name is used in them, by tree-sitter.

    definitions(syntax, data)            classes, functions, … with their lines, outer before inner
    references(syntax, data, "name")     the places where the name stands as code
    faults(syntax, data)                 what cannot be parsed

Bytes are data: a file is parsed, never imported, none larger than `LARGEST_PARSED`, and none for longer than `LONGEST_S`
(text can be made so that it takes hours): all raise TooHard. For worker threads.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from tree_sitter import Node, QueryCursor, Tree

from agents.tools.languages import LARGEST_PARSED, Syntax

_LONGEST_SIGNATURE = 200
_MOST_FAULTS = 2000
_CHUNK = 1 << 16
_DEEPEST = 1000
_WIDEST = 10_000
LONGEST_S = 2.0  # of CPU time, for one file
_VALUES = frozenset({"variable", "constant", "field"})  # nothing is defined inside them


class TooHard(ValueError):
    """A file that is too large, or takes too long to parse."""


@dataclass(frozen=True, slots=True)
class Definition:
    """name: with those of the definitions around it, dotted. line, end_line: from 1, both included.
    place: of the name, start and end: of the whole, in bytes."""

    name: str
    kind: str
    line: int
    end_line: int
    signature: str
    place: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Use:
    """A name where it is used. within: the definition around it, "" at the top. kind: call, import, or use."""

    line: int
    kind: str
    within: str
    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A part that the grammar cannot place. size: bytes. text: what stands there, for comparing and for showing."""

    line: int
    size: int
    text: str
    missing: str = ""  # what was expected, where something is missing
    near: str = ""  # what stands there and cannot be placed


def definitions(syntax: Syntax, data: bytes) -> tuple[Definition, ...]:
    """In the order of the file."""
    return _definitions(syntax, _parse(syntax, data), data)


def references(syntax: Syntax, data: bytes, name: str) -> tuple[Use, ...]:
    """Where a name stands as code: not in comments or texts, and not where it is defined."""
    tree = _parse(syntax, data)
    found = _definitions(syntax, tree, data)
    defined = {each.place for each in found}
    word = name.encode("utf-8", "replace")
    uses = []
    for match in re.finditer(rb"(?<![\w$])%s(?![\w$])" % re.escape(word), data):
        if match.start() in defined:
            continue
        node = tree.root_node.descendant_for_byte_range(match.start(), match.end())
        if node is None or node.end_byte - node.start_byte != len(word) or _in_text(node, syntax):
            continue
        line = node.start_point[0] + 1
        around = [each for each in found if each.start <= match.start() < each.end and each.kind not in _VALUES]
        within = max(around, key=lambda each: each.start).name if around else ""
        uses.append(Use(line, _kind(node), within, _line(data, match.start())))
    return tuple(uses)


def faults(syntax: Syntax, data: bytes) -> tuple[Fault, ...]:
    """In the order of the file; empty when it parses."""
    root = _parse(syntax, data).root_node
    return tuple(_faults(root, data)) if root.has_error else ()


class Definitions:
    """Definitions by content, so that a file which many trajectories share is parsed once. For any thread."""

    def __init__(self, most_files: int = 20_000) -> None:
        self._most = most_files
        self._known: OrderedDict[tuple[str, bytes], tuple[Definition, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, syntax: Syntax, data: bytes) -> tuple[Definition, ...]:
        key = (syntax.name, sha256(data).digest())
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = definitions(syntax, data)
        with self._lock:
            self._known[key] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


def _parse(syntax: Syntax, data: bytes) -> Tree:
    if len(data) > LARGEST_PARSED:
        raise TooHard(f"it has {len(data)} bytes, more than the {LARGEST_PARSED} that are parsed")
    late = _late()
    try:
        return syntax.parser().parse(lambda at, _: data[at : at + _CHUNK], progress_callback=lambda _, __: late())
    except ValueError as error:
        raise TooHard(f"it takes longer than {LONGEST_S:g} s to parse") from error


def _late() -> Callable[[], bool]:
    """Says whether the time for one file is used up."""
    end = time.thread_time() + LONGEST_S
    return lambda: time.thread_time() > end


def _refuse_shape(tree: Tree) -> None:
    """A query's time grows with the square of depth and of width, and cannot be bounded from outside: its progress callback
    crashes the interpreter (tree-sitter 0.26.1)."""
    cursor = tree.walk()
    late = _late()
    widths = [1]  # of the nodes above: which child the walk is at
    visited = 0
    while True:
        if cursor.goto_first_child():
            widths.append(1)
        else:
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return
                widths.pop()
            widths[-1] += 1
        visited += 1
        if len(widths) > _DEEPEST or widths[-1] > _WIDEST or (visited % 4096 == 0 and late()):
            raise TooHard(f"one of its parts is nested more than {_DEEPEST} deep, or has more than {_WIDEST} members")


def _definitions(syntax: Syntax, tree: Tree, data: bytes) -> tuple[Definition, ...]:
    nodes: dict[tuple[int, int], tuple[Node, Node, str]] = {}
    _refuse_shape(tree)
    matches = QueryCursor(syntax.query).matches(tree.root_node)
    for _, captures in matches:
        name = captures["name"][0]
        kind = next(kind for kind in captures if kind != "name")
        key = (name.start_byte, name.end_byte)
        known = nodes.get(key)
        if known is None or known[2] in _VALUES:  # a function beats the variable that holds it
            nodes[key] = (captures[kind][0], name, kind)
    ordered = sorted(nodes.values(), key=lambda each: (each[0].start_byte, -each[0].end_byte, each[1].start_byte))
    found = []
    around: list[tuple[int, str, str]] = []  # (end, dotted name, kind) of what the place lies in
    for node, name, kind in ordered:
        while around and around[-1][0] <= node.start_byte:
            around.pop()
        own = _text(name, data)
        receiver = _receiver(node, data)
        outer = around[-1][1] if around else ""
        dotted = ".".join(part for part in (outer, receiver, own) if part)
        if kind == "function" and around and around[-1][2] in ("class", "impl", "trait"):
            kind = "method"
        whole = _decorated(node)
        line, end_line = whole.start_point[0] + 1, node.end_point[0] + 1
        if node.end_point[1] == 0 and end_line > line:
            end_line -= 1
        found.append(
            Definition(
                dotted, kind, line, end_line, _signature(node, data), name.start_byte, whole.start_byte, node.end_byte
            )
        )
        if kind not in _VALUES:
            around.append((node.end_byte, dotted, kind))
    return tuple(found)


def _decorated(node: Node) -> Node:
    """With its decorators."""
    parent = node.parent
    return parent if parent is not None and parent.type in ("decorated_definition", "export_statement") else node


def _receiver(node: Node, data: bytes) -> str:
    """The type that a Go method belongs to."""
    receiver = node.child_by_field_name("receiver") if node.type == "method_declaration" else None
    found = re.search(r"(\w+)\s*(?:\[[^\]]*\])?\s*\)$", _text(receiver, data)) if receiver is not None else None
    return found.group(1) if found else ""


def _signature(node: Node, data: bytes) -> str:
    """What stands before the body, on one line."""
    body = node.child_by_field_name("body")
    text = data[node.start_byte : body.start_byte if body is not None else node.end_byte].decode("utf-8", "replace")
    if body is None:
        text = text.split("\n", 1)[0]
    return " ".join(text.split())[:_LONGEST_SIGNATURE].rstrip(" {:=")


def _text(node: Node, data: bytes) -> str:
    return data[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _in_text(node: Node, syntax: Syntax) -> bool:
    """Whether a name lies in a comment or a text. Only the nearest nodes are asked: going up costs as much as the depth."""
    each: Node | None = node
    for _ in range(4):
        if each is None or each.type in ("interpolation", "template_substitution"):
            return False
        if each.type in syntax.texts:
            return True
        each = each.parent
    return False


def _kind(node: Node) -> str:
    """What is done with a name: the name itself, or the attribute or path that it ends, is called or imported."""
    each = node
    for _ in range(4):
        parent = each.parent
        if parent is None:
            return "use"
        if "import" in parent.type or parent.type == "use_declaration":
            return "import"
        if parent.type in _CALLS:
            called = next(
                (found for field in _CALLED if (found := parent.child_by_field_name(field)) is not None), None
            )
            return "call" if called is not None and called.end_byte == node.end_byte else "use"
        if parent.end_byte != node.end_byte and parent.type not in ("dotted_name", "scoped_identifier", "use_list"):
            return "use"
        each = parent
    return "use"


_CALLS = frozenset(
    """
    call call_expression method_invocation new_expression object_creation_expression macro_invocation
    decorator
    """.split()  # noqa: SIM905
)
_CALLED = ("function", "name", "constructor", "type", "macro")


def _line(data: bytes, place: int) -> str:
    start = data.rfind(b"\n", 0, place) + 1
    end = data.find(b"\n", place)
    return data[start : end if end >= 0 else len(data)].decode("utf-8", "replace").strip()[:_LONGEST_SIGNATURE]


def _faults(root: Node, data: bytes) -> Iterator[Fault]:
    waiting = [root]
    told = 0
    while waiting and told < _MOST_FAULTS:
        node = waiting.pop()
        if node.is_missing:
            told += 1
            yield Fault(node.start_point[0] + 1, 0, _line(data, max(0, node.start_byte - 1)), node.type)
        elif node.is_error:
            told += 1
            size = node.end_byte - node.start_byte
            near = " ".join(data[node.start_byte : node.end_byte][:300].decode("utf-8", "replace").split())[:60]
            yield Fault(_fault_line(node), size, _line(data, node.start_byte), near=near)
        elif node.has_error:
            waiting += reversed(node.children)


def _fault_line(node: Node) -> int:
    """Where an error begins in earnest: an error that swallowed what stands before it names its innermost part."""
    inner = node
    while (child := next((each for each in inner.children if each.is_error or each.has_error), None)) is not None:
        inner = child
    return inner.start_point[0] + 1
