"""Sources in other languages than Python, by their grammars: the tree's words without comments and formatting."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import PurePosixPath

from tree_sitter import Language, Parser

from selection.scripts import LANGUAGES as SCRIPTS
from selection.scripts import numbers

LANGUAGES = {
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "tsx",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
}
_COMMENTS = frozenset({"comment", "line_comment", "block_comment", "html_comment"})
_TOLD = {"go": (b"//go:", b"// +build", b"//export "), "typescript": (b"///",), "tsx": (b"///",)}  # that compilers read
_DOCUMENTED = {
    "rust": (b"```", (b"///", b"//!", b"/**", b"/*!")),
    "go": (b'import "C"', (b"/",)),
}  # where a file holds that
_WHOLE = frozenset({"string", "template_string", "string_literal", "raw_string_literal", "interpreted_string_literal"})


def language(path: str) -> str | None:
    """The grammar for a path, None where there is none."""
    return LANGUAGES.get(PurePosixPath(path).suffix)


def words(name: str, source: bytes) -> bytes | None:
    """A digest that is equal for sources of one language only if they have the same tree; None if it has errors.

    Local names of JavaScript and TypeScript may be any (see `scripts`); those of other languages stay.
    """
    root = Parser(grammar(name)).parse(source).root_node
    if root.has_error:
        return None
    local = numbers(root) if name in SCRIPTS else {}
    told = _told(name, source)
    digest = hashlib.sha256()
    cursor = root.walk()
    entering = True
    while True:
        node = cursor.node
        assert node is not None
        if entering and (node.type not in _COMMENTS or source.startswith(told, node.start_byte)):
            digest.update(b"(" + node.type.encode() + b"\0")
            if node.child_count == 0 or node.type in _WHOLE:
                word = source[node.start_byte : node.end_byte]
                digest.update((local.get(node.start_byte, word) if node.type == "identifier" else word) + b"\0")
            elif cursor.goto_first_child():
                continue
            digest.update(b")")
        elif not entering:
            digest.update(b")")
        entering = cursor.goto_next_sibling()
        if not entering and not cursor.goto_parent():
            return digest.digest()


def _told(name: str, source: bytes) -> tuple[bytes, ...]:
    """How comments begin that mean something: directives, examples that tests run, C code of Go."""
    holds, documented = _DOCUMENTED.get(name, (b"", ()))
    return _TOLD.get(name, ()) + (documented if holds and holds in source else ())


@cache
def grammar(name: str) -> Language:
    """The grammar of a name in LANGUAGES, or of "python"."""
    import tree_sitter_go
    import tree_sitter_java
    import tree_sitter_javascript
    import tree_sitter_python
    import tree_sitter_rust
    import tree_sitter_typescript

    pointers = {
        "python": tree_sitter_python.language,
        "javascript": tree_sitter_javascript.language,
        "typescript": tree_sitter_typescript.language_typescript,
        "tsx": tree_sitter_typescript.language_tsx,
        "go": tree_sitter_go.language,
        "rust": tree_sitter_rust.language,
        "java": tree_sitter_java.language,
    }
    return Language(pointers[name]())
