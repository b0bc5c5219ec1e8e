"""The languages whose syntax the tools know: a grammar, the suffixes of their files, and what counts as a definition there.

The grammars are tree-sitter's own wheels: nothing is fetched at run time. A new language is one entry here.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass

from tree_sitter import Language, Parser, Query

LARGEST_PARSED = 1 << 20  # bytes of a file


@dataclass(frozen=True)
class Syntax:
    """One language. grammar: (package, function). definitions: a query whose patterns each capture a definition, named by its
    kind, and its @name (more than one name is allowed). comments, texts: node types in which a name is no reference.
    """

    name: str
    suffixes: tuple[str, ...]
    grammar: tuple[str, str]
    definitions: str
    texts: frozenset[str] = frozenset({"comment", "string"})

    @functools.cached_property
    def language(self) -> Language:
        package, function = self.grammar
        return Language(getattr(importlib.import_module(package), function)())

    @functools.cached_property
    def query(self) -> Query:
        return Query(self.language, self.definitions)

    def parser(self) -> Parser:
        """A parser of its own for each use: it must not be shared between threads."""
        return Parser(self.language)


_PYTHON = Syntax(
    "python",
    (".py", ".pyi"),
    ("tree_sitter_python", "language"),
    """
    (class_definition name: (identifier) @name) @class
    (function_definition name: (identifier) @name) @function
    (module (expression_statement (assignment left: (identifier) @name) @variable))
    (class_definition body: (block (expression_statement (assignment left: (identifier) @name) @variable)))
    (type_alias_statement left: (type (identifier) @name)) @type
    """,
    frozenset({"comment", "string_content", "escape_sequence"}),
)

_JAVASCRIPT_DEFINITIONS = """
    (function_declaration name: (identifier) @name) @function
    (generator_function_declaration name: (identifier) @name) @function
    (method_definition name: (property_identifier) @name) @method
    (method_definition name: (private_property_identifier) @name) @method
    (program (lexical_declaration (variable_declarator name: (identifier) @name)) @variable)
    (program (variable_declaration (variable_declarator name: (identifier) @name)) @variable)
    (export_statement (lexical_declaration (variable_declarator name: (identifier) @name)) @variable)
    (variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
    (assignment_expression left: (member_expression property: (property_identifier) @name)
      right: [(arrow_function) (function_expression)]) @function
    (pair key: (property_identifier) @name value: [(arrow_function) (function_expression)]) @method
"""
_JAVASCRIPT = Syntax(
    "javascript",
    (".js", ".jsx", ".mjs", ".cjs"),
    ("tree_sitter_javascript", "language"),
    _JAVASCRIPT_DEFINITIONS
    + """
    (class_declaration name: (identifier) @name) @class
    (field_definition property: (property_identifier) @name value: [(arrow_function) (function_expression)]) @method
    """,
    frozenset({"comment", "string_fragment", "regex_pattern", "html_comment", "jsx_text"}),
)
_TYPESCRIPT_DEFINITIONS = (
    _JAVASCRIPT_DEFINITIONS
    + """
    (class_declaration name: (type_identifier) @name) @class
    (abstract_class_declaration name: (type_identifier) @name) @class
    (interface_declaration name: (type_identifier) @name) @interface
    (type_alias_declaration name: (type_identifier) @name) @type
    (enum_declaration name: (identifier) @name) @enum
    (internal_module name: (identifier) @name) @module
    (function_signature name: (identifier) @name) @function
    (abstract_method_signature name: (property_identifier) @name) @method
    (method_signature name: (property_identifier) @name) @method
    (public_field_definition name: (property_identifier) @name value: [(arrow_function) (function_expression)]) @method
    """
)
_TYPESCRIPT = Syntax(
    "typescript",
    (".ts", ".mts", ".cts"),
    ("tree_sitter_typescript", "language_typescript"),
    _TYPESCRIPT_DEFINITIONS,
    _JAVASCRIPT.texts,
)
_TSX = Syntax("tsx", (".tsx",), ("tree_sitter_typescript", "language_tsx"), _TYPESCRIPT_DEFINITIONS, _JAVASCRIPT.texts)
_GO = Syntax(
    "go",
    (".go",),
    ("tree_sitter_go", "language"),
    """
    (function_declaration name: (identifier) @name) @function
    (method_declaration name: (field_identifier) @name) @method
    (type_spec name: (type_identifier) @name) @type
    (type_alias name: (type_identifier) @name) @type
    (source_file (const_declaration (const_spec name: (identifier) @name) @constant))
    (source_file (var_declaration (var_spec name: (identifier) @name) @variable))
    (source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @variable)))
    (method_elem name: (field_identifier) @name) @method
    """,
    frozenset({"comment", "interpreted_string_literal_content", "raw_string_literal_content"}),
)
_RUST = Syntax(
    "rust",
    (".rs",),
    ("tree_sitter_rust", "language"),
    """
    (function_item name: (identifier) @name) @function
    (function_signature_item name: (identifier) @name) @function
    (struct_item name: (type_identifier) @name) @struct
    (enum_item name: (type_identifier) @name) @enum
    (union_item name: (type_identifier) @name) @union
    (trait_item name: (type_identifier) @name) @trait
    (type_item name: (type_identifier) @name) @type
    (mod_item name: (identifier) @name) @module
    (macro_definition name: (identifier) @name) @macro
    (const_item name: (identifier) @name) @constant
    (static_item name: (identifier) @name) @variable
    (impl_item type: (type_identifier) @name) @impl
    (impl_item type: (generic_type type: (type_identifier) @name)) @impl
    """,
    frozenset({"line_comment", "block_comment", "string_content", "doc_comment"}),
)
_JAVA = Syntax(
    "java",
    (".java",),
    ("tree_sitter_java", "language"),
    """
    (class_declaration name: (identifier) @name) @class
    (interface_declaration name: (identifier) @name) @interface
    (enum_declaration name: (identifier) @name) @enum
    (record_declaration name: (identifier) @name) @record
    (annotation_type_declaration name: (identifier) @name) @annotation
    (method_declaration name: (identifier) @name) @method
    (constructor_declaration name: (identifier) @name) @constructor
    (field_declaration declarator: (variable_declarator name: (identifier) @name)) @field
    (enum_constant name: (identifier) @name) @constant
    """,
    frozenset({"line_comment", "block_comment", "string_fragment"}),
)

LANGUAGES = (_PYTHON, _JAVASCRIPT, _TYPESCRIPT, _TSX, _GO, _RUST, _JAVA)
SUFFIXES = {suffix: syntax for syntax in LANGUAGES for suffix in syntax.suffixes}


def syntax_of(path: str) -> Syntax | None:
    """The language of a file, by its name; None for one that the tools do not know."""
    return SUFFIXES.get("." + path.rpartition("/")[2].rpartition(".")[2].lower())
