"""What a definition, an import and a comment are in each language, as tree-sitter queries.

The grammars are the tree-sitter organisation's own wheels: about 1 MB each, compiled, nothing is fetched when they are used.
(`tree-sitter-language-pack` fetches its grammars from the network since its version 1.)

Captures: @class, @method, @function (a definition, with @name inside), @import (the text of an import, or the node that holds
it), @prose (a comment or a docstring), @within (no symbol of its own, but the parent of those inside: Rust's `impl`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tree_sitter import Language, Query

import selection.grammars

_PYTHON = """
(class_definition name: (identifier) @name) @class
(function_definition name: (identifier) @name) @function
(import_statement) @import
(import_from_statement) @import
(comment) @prose
(module . (comment)* . (expression_statement (string) @prose))
(block . (expression_statement (string) @prose))
"""
_JAVASCRIPT = """
(class_declaration name: (_) @name) @class
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(method_definition name: (_) @name) @method
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
(assignment_expression left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)]) @function
(import_statement source: (string) @import)
(export_statement source: (string) @import)
(call_expression function: (identifier) @_require arguments: (arguments . (string) @import) (#eq? @_require "require"))
(comment) @prose
"""
_TYPESCRIPT = f"""{_JAVASCRIPT}
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(type_alias_declaration name: (_) @name) @class
"""
_GO = """
(type_spec name: (_) @name) @class
(function_declaration name: (identifier) @name) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: (_) @receiver)) name: (_) @name) @method
(import_spec path: (_) @import)
(comment) @prose
"""
_RUST = """
(struct_item name: (_) @name) @class
(enum_item name: (_) @name) @class
(union_item name: (_) @name) @class
(trait_item name: (_) @name) @class
(type_item name: (_) @name) @class
(function_item name: (identifier) @name) @function
(function_signature_item name: (identifier) @name) @function
(macro_definition name: (identifier) @name) @function
(impl_item type: (_) @name) @within
(use_declaration argument: (_) @import)
(mod_item name: (identifier) @import !body)
(line_comment) @prose
(block_comment) @prose
"""
_JAVA = """
(class_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @class
(enum_declaration name: (identifier) @name) @class
(record_declaration name: (identifier) @name) @class
(method_declaration name: (identifier) @name) @method
(constructor_declaration name: (identifier) @name) @method
(import_declaration (scoped_identifier) @import)
(line_comment) @prose
(block_comment) @prose
"""
_QUERIES: Mapping[str, str] = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT,
    "go": _GO,
    "rust": _RUST,
    "java": _JAVA,
}


@cache
def grammar(name: str) -> tuple[Language, Query]:
    """A language and its query, made once. Parsers are not shared: they hold state, and threads would meet in it."""
    language = selection.grammars.grammar(name)
    return language, Query(language, _QUERIES[name])
