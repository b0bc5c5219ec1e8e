"""Local names in JavaScript and TypeScript: which identifiers may have any other name.

Only what is certain: a parameter, or what let, const or var declares, by itself (no destructuring); that nothing else in the
outermost function binds; all of whose appearances there lie where it is bound. A name stays where somebody may see it: in
`{name}`, as a function's inferred name, as a JSX tag, inside a template string, and everywhere in a function with `eval`,
`with`, decorators or a static block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tree_sitter import Node

LANGUAGES = frozenset({"javascript", "typescript", "tsx"})
_FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "generator_function",
        "generator_function_declaration",
        "arrow_function",
        "method_definition",
    }
)
_NAMED = _FUNCTIONS | {
    "class",
    "class_declaration",
    "abstract_class_declaration",
}  # take the name of what they are assigned to
_ASKING = frozenset({"with_statement", "decorator", "class_static_block"})
_ASSIGNING = frozenset(
    {
        "variable_declarator",
        "assignment_expression",
        "augmented_assignment_expression",
        "assignment_pattern",
        "required_parameter",
        "optional_parameter",
    }
)
_SHOWN = frozenset({"shorthand_property_identifier", "shorthand_property_identifier_pattern"})
_BINDING = frozenset(  # other ways to bind a name, which then stays
    {
        *(_NAMED - {"arrow_function"}),
        "catch_clause",
        "array_pattern",
        "object_pattern",
        "pair_pattern",
        "rest_pattern",
        "assignment_pattern",
        "function_signature",
        "enum_declaration",
        "internal_module",
        "module",
        "import_alias",
        "nested_identifier",
    }
)
_WRAPPING = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression", "type_assertion"}
)
Span = tuple[int, int]


def numbers(root: Node) -> dict[int, bytes]:
    """For each identifier that may have any other name, by its first byte, what stands for it."""
    found: dict[int, bytes] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type in _FUNCTIONS:
            found.update(_of_function(node))
        else:
            waiting.extend(node.children)
    return found


def _of_function(outermost: Node) -> dict[int, bytes]:
    places: dict[bytes, list[int]] = defaultdict(list)
    bound: dict[bytes, list[Span]] = defaultdict(list)
    kept = {b"arguments"}
    for node, parent, within in _walk(outermost):
        if node.type in _ASKING:
            return {}
        if node.type in _SHOWN:
            kept.add(_text(node))
        elif node.type in _ASSIGNING and _named(node):
            kept.update(_text(each) for each in node.children if each.type == "identifier")
        elif node.type == "identifier":
            name = _text(node)
            places[name].append(node.start_byte)
            span = _span(node, parent)
            if span:
                bound[name].append(span)
            if within or (not span and (parent.type in _BINDING or _is_tag(parent))):
                kept.add(name)
    if b"eval" in places:
        return {}
    free = [
        name
        for name, spans in bound.items()
        if len(spans) == 1 and name not in kept and all(spans[0][0] <= at < spans[0][1] for at in places[name])
    ]
    free.sort(key=lambda name: min(places[name]))
    return {at: b"#%d" % number for number, name in enumerate(free) for at in places[name]}


def _walk(root: Node) -> Iterator[tuple[Node, Node, bool]]:
    """Every node below one with its parent, and whether it is within a template string."""
    waiting = [(each, root, False) for each in root.children]
    while waiting:
        node, parent, within = waiting.pop()
        yield node, parent, within
        inside = within or node.type == "template_string"
        waiting.extend((each, node, inside) for each in node.children)


def _text(node: Node) -> bytes:
    return node.text or b""


def _is_tag(node: Node) -> bool:
    return node.type.startswith("jsx_") and node.type != "jsx_expression"


def _named(node: Node) -> bool:
    """Whether a function or a class takes its name from what it is assigned to here."""
    given = node.child_by_field_name("value") or node.child_by_field_name("right")
    waiting = [given] if given else []
    while waiting:
        each = waiting.pop()
        if each.type in _NAMED:
            return True
        if each.type in _WRAPPING:
            waiting.extend(each.children)
    return False


def _span(node: Node, parent: Node) -> Span | None:
    """Where the name is bound that an identifier declares by itself; None where it does not."""
    if parent.type == "arrow_function" and node == parent.child_by_field_name("parameter"):
        return node.start_byte, parent.end_byte
    if parent.type == "variable_declarator" and node == parent.child_by_field_name("name"):
        return _declared(parent)
    if parent.type == "for_in_statement" and node == parent.child_by_field_name("left"):
        kind = parent.child_by_field_name("kind")
        return (parent.start_byte, parent.end_byte) if kind and _text(kind) in (b"let", b"const") else None
    if parent.type in ("required_parameter", "optional_parameter") and node == parent.children[0] and parent.parent:
        parent = parent.parent
    owner = parent.parent
    if parent.type == "formal_parameters" and owner and owner.type in _FUNCTIONS:
        return parent.start_byte, owner.end_byte
    return None


def _declared(declarator: Node) -> Span | None:
    declaration = declarator.parent
    scope = declaration.parent if declaration else None
    if declaration is None or scope is None:
        return None
    if declaration.type == "variable_declaration":
        while scope and scope.type not in _FUNCTIONS:
            scope = scope.parent
        scope = scope.child_by_field_name("body") if scope else None
    elif scope.type in ("switch_case", "switch_default"):
        scope = scope.parent
    elif scope.type not in ("statement_block", "for_statement"):
        return None
    return (scope.start_byte, scope.end_byte) if scope else None
