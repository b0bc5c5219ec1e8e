"""When two Python sources are the same program but for form."""

from __future__ import annotations

import ast
import warnings

_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Unparsable(Exception):
    """The source is not Python (as this interpreter reads it), or too deeply nested to be read."""


def normalised(source: bytes) -> str:
    """The syntax tree without positions, comments, formatting and docstrings. Raises Unparsable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a repository is not our reader's concern
            tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, _DOCUMENTED):
                node.body = [statement for statement in node.body if not _is_bare_string(statement)] or [ast.Pass()]
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unparsable(str(error) or type(error).__name__) from error


def _is_bare_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
