"""A try: new source over a repository that is already imported, without touching its files.

Where only the bodies of functions differ, the new code objects go into the live functions: closures, decorators and
every name that other modules imported stay as they are. That is right only if nothing was computed with the old code
before, so a function that ran while the tests were collected refuses. Everything else raises Unpatchable, and the caller
starts from a process that has imported nothing yet, where `override` answers for the files.
"""

from __future__ import annotations

import base64
import gc
import importlib.machinery
import os
import sys
import types
from typing import Any

from .lines import in_repository

IN_FUNCTION = 0x1  # CO_OPTIMIZED: the code of a function, not of a module or a class body


class Unpatchable(Exception):
    """These edits cannot be made in the live interpreter."""


def decoded(edits: dict[str, str]) -> dict[str, bytes]:
    return {path: base64.b64decode(text) for path, text in edits.items()}


class LiveFunctions:
    """The functions of the repository that exist after collection, by where they are defined."""

    def __init__(self, root: str) -> None:
        self._root = root
        # by (file, first line, name) of a function's code
        self._functions: dict[tuple[Any, ...], list[types.FunctionType]] = {}
        self._ran: set[tuple[Any, ...]] = set()
        self._loaded: set[str] = set()

    def watch_imports(self) -> None:
        """Note which functions run from now until `index`."""

        def enter(frame: Any, event: str, argument: Any) -> None:
            code = frame.f_code
            if code.co_flags & IN_FUNCTION and in_repository(code.co_filename, self._root):
                self._ran.add(_key(code))

        sys.settrace(enter)

    def index(self) -> None:
        sys.settrace(None)
        for thing in gc.get_objects():
            if type(thing) is types.FunctionType and in_repository(thing.__code__.co_filename, self._root):
                self._functions.setdefault(_key(thing.__code__), []).append(thing)
        self._loaded = {str(getattr(module, "__file__", "")) for module in list(sys.modules.values())}

    def apply(self, edits: dict[str, bytes]) -> None:
        """Change the live functions of these files. Raises Unpatchable, and then nothing has changed."""
        changes: list[tuple[types.FunctionType, types.CodeType]] = []
        for path, source in edits.items():
            file = os.path.join(self._root, path)
            if file not in self._loaded:
                continue  # not imported yet: the override answers when it is
            with open(file, "rb") as stream:
                old = compile(stream.read(), file, "exec", dont_inherit=True)
            new = compile(source, file, "exec", dont_inherit=True)
            for key, code in _changed(old, new):
                changes += [(function, code) for function in self._swappable(key, code)]
        for function, code in changes:
            function.__code__ = code

    def _swappable(self, key: tuple[Any, ...], code: types.CodeType) -> list[types.FunctionType]:
        functions = self._functions.get(key, [])
        if not functions:
            raise Unpatchable(f"{key[2]} is not a live function")
        if key in self._ran:
            raise Unpatchable(f"{key[2]} ran while the tests were collected")
        if len({id(function.__code__) for function in functions}) > 1 or key[2] == "<lambda>":
            raise Unpatchable(f"{key[2]} is not the only function on its line")
        if functions[0].__code__.co_freevars != code.co_freevars:
            raise Unpatchable(f"{key[2]} would close over other variables")
        return functions


def _key(code: types.CodeType) -> tuple[Any, ...]:
    return (code.co_filename, code.co_firstlineno, code.co_name)


def _changed(old: types.CodeType, new: types.CodeType) -> list[tuple[tuple[Any, ...], types.CodeType]]:
    """The outermost functions whose code differs. Raises Unpatchable when more than functions differs."""
    if _shell(old) != _shell(new):
        raise Unpatchable(f"{old.co_name} itself differs")
    found: list[tuple[tuple[Any, ...], types.CodeType]] = []
    for before, after in zip(_nested(old), _nested(new)):
        if before.co_name != after.co_name or (before.co_flags ^ after.co_flags) & IN_FUNCTION:
            raise Unpatchable(f"{old.co_name} itself differs")
        if not before.co_flags & IN_FUNCTION:
            found += _changed(before, after)
        elif _substance(before) != _substance(after):
            found.append((_key(before), after))
    return found


def _nested(code: types.CodeType) -> list[types.CodeType]:
    return [each for each in code.co_consts if isinstance(each, types.CodeType)]


def _shell(code: types.CodeType) -> tuple[Any, ...]:
    """A module's or class's own code, without what is nested in it and without line numbers."""
    constants = []
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            constants.append("code")
        elif each == code.co_firstlineno and "__firstlineno__" in code.co_names:
            constants.append("first line")
        else:
            constants.append(repr(each))
    return (code.co_code, code.co_names, code.co_freevars, code.co_cellvars, tuple(constants))


def _substance(code: types.CodeType) -> tuple[Any, ...]:
    """All that a function does, without where it stands."""
    inner = tuple(_substance(each) for each in _nested(code))
    plain = tuple(repr(each) for each in code.co_consts if not isinstance(each, types.CodeType))
    signature = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags, code.co_varnames)
    return (code.co_code, code.co_names, code.co_freevars, code.co_cellvars, plain, signature, inner)


def override(root: str, edits: dict[str, bytes]) -> None:
    """From now on, importing reads these bytes instead of the files', and no compiled file of the repository."""
    sources = {os.path.join(root, path): source for path, source in edits.items()}
    original = importlib.machinery.SourceFileLoader.get_data

    def get_data(loader: Any, path: str) -> bytes:
        if path in sources:
            return sources[path]
        if path.endswith(".pyc") and in_repository(path, root):
            raise OSError("not read: it may be older than its source, and of the same second and size")
        return original(loader, path)

    importlib.machinery.SourceFileLoader.get_data = get_data  # type: ignore[method-assign, assignment]
