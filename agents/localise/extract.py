"""From a file's text to its facts: one parse, one query, one pass over what the query captured.

tree-sitter goes on after what it cannot parse, so an old or broken file still gives the symbols around the error; it is also
four times faster here than Python's own `ast`, whose many objects keep the garbage collector busy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node, Parser, QueryCursor

from agents.localise.facts import GRAMMARS, PLAIN_CODE, SIGNATURE, Facts, Symbol, suffix
from agents.localise.grammars import grammar
from agents.localise.terms import terms

LARGEST_PARSED = 1 << 19  # bytes; a longer file is generated, and gives terms alone

WIDEST_ERROR = 3000  # nodes in one error; a file with more is no program of this language

_LINE_COMMENT = re.compile(r"(?:#|//|--|\*)\s(.*)")
_KINDS = ("class", "method", "function", "within")


def gather(path: str, text: str) -> Facts:
    """The facts of one file. Never raises for what a file may hold."""
    kind = suffix(path)
    if kind in GRAMMARS and len(text) <= LARGEST_PARSED:
        return _parsed(GRAMMARS[kind], text)
    prose = "\n".join(_LINE_COMMENT.findall(text)) if kind in PLAIN_CODE else ""
    return Facts(terms(text), terms(prose))


def _parsed(language_name: str, text: str) -> Facts:
    language, query = grammar(language_name)
    data = text.encode("utf-8", "replace")
    tree = Parser(language).parse(data)
    if _tangled(tree.root_node):
        return Facts(terms(text), {})
    definitions: list[tuple[Node, str, str, str]] = []
    imports: dict[str, None] = {}
    prose: list[str] = []
    for _, captured in QueryCursor(query).matches(tree.root_node):
        kind = next((each for each in _KINDS if each in captured), None)
        if kind is not None:
            receiver = _text(captured["receiver"][0]).strip("*") if "receiver" in captured else ""
            definitions.append((captured[kind][0], kind, _text(captured["name"][0]), receiver))
        for node in captured.get("import", ()):
            imports.update(dict.fromkeys(_imported(language_name, _text(node))))
        prose += [_text(node) for node in captured.get("prose", ())]
    return Facts(terms(text), terms("\n".join(prose)), tuple(_nested(definitions, language_name)), tuple(imports))


def _tangled(root: Node) -> bool:
    """Whether an error spans so many nodes that the query, quadratic in those, would take seconds: 16,000 open brackets."""
    stack = [root] if root.has_error else []
    while stack:
        node = stack.pop()
        if node.is_error and node.child_count > WIDEST_ERROR:
            return True
        stack += [each for each in node.children if each.has_error]
    return False


def _nested(definitions: list[tuple[Node, str, str, str]], language: str) -> Iterator[Symbol]:
    """Symbols in the order of the text, each below the one whose text holds it."""
    around: list[tuple[int, str, bool]] = []  # where it ends, its qualified name, whether methods stand in it
    for node, kind, name, receiver in sorted(definitions, key=lambda each: (each[0].start_byte, -each[0].end_byte)):
        while around and around[-1][0] <= node.start_byte:
            around.pop()
        parent = receiver or (around[-1][1] if around else "")
        if kind == "function" and around and around[-1][2]:
            kind = "method"
        qualified = f"{parent}.{name}" if parent else name
        around.append((node.end_byte, qualified, kind in ("class", "within")))
        if kind != "within":
            outer = node.parent
            decorated = outer if outer is not None and outer.type == "decorated_definition" else node
            first, last = decorated.start_point.row + 1, node.end_point.row + 1
            if node.end_point.column == 0 and last > first:
                last -= 1
            yield Symbol(name, kind, first, last, _signature(node, language), parent)


def _signature(node: Node, language: str) -> str:
    """A definition up to its body, in one line."""
    body = node.child_by_field_name("body")
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    if body is None and value is not None:
        body = value.child_by_field_name("body")
    whole = node.text or b""
    head = whole[: body.start_byte - node.start_byte] if body is not None else whole.split(b"\n")[0]
    if language == "python":
        head = re.sub(rb"#[^\n\"']*\n", b"\n", head)
    line = " ".join(head[: SIGNATURE * 4].decode("utf-8", "replace").split())
    return line.rstrip("{:= ").replace("( ", "(").replace(", )", ")")[:SIGNATURE]


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


_FROM = re.compile(r"from\s+([.\w]+)\s+import\s*\(?(.*)", re.S)
_NAME = re.compile(r"(?:^|,)\s*([.\w]+)")


def _imported(language: str, text: str) -> list[str]:
    """What an import names. Python: each module, and for `from a import b` both a and a.b, since b may be a module."""
    if language != "python":
        return [text.strip("\"'`")] if language != "rust" else _rust_use(text)
    text = re.sub(r"#[^\n]*", "", text)
    match = _FROM.match(text)
    if match is None:
        return _NAME.findall(text.removeprefix("import"))
    source, names = match.groups()
    joint = "" if source.endswith(".") else "."
    return [source, *(f"{source}{joint}{name}" for name in _NAME.findall(names))]


def _rust_use(text: str) -> list[str]:
    """`a::b::{c, d as e}` gives a::b, a::b::c and a::b::d; groups inside groups give their own names without the outer path."""
    head, _, group = text.partition("::{")
    head = head.split(" as ")[0].strip()
    return [head, *(f"{head}::{name}" for name in re.findall(r"(?:^|,)\s*(\w+)", group))]
