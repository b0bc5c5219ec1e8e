"""Which tests may fail with a candidate, by the files that it changes. Pure.

    related = Related(imported, …)             what each file imports, as it writes it, and what the base run showed
    related.risks(changed, tests)              for the order in which tests are run
    related.unrelated(changed, tests, read)    tests that may be left out, where not all can be run

A test is related to what it executed on base, where that was traced; else to what its file imports, directly or through
others. Its conftest.py files count as imported by it, and so do the packages around every module. A name says something
too: test_dates.py is about dates.py.

That no relation is found is no proof: tests start programs, read files, and import by name. So these come last, and
`unrelated` names only those whose imports are all known: nothing that they reach imports by name or starts programs, none of
their own support reads files, and the candidates change nothing but Python.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import PurePosixPath

from agents.localise import Modules, imports
from selection import is_test

Executed = Mapping[str, Mapping[str, Set[int]]]  # test -> file -> lines

# Judgement, not measurement: how likely a test fails, in shares of one that executes what changes.
CLOSE = 1 / 4  # named after what changes, or one file at most between
NEAR = 1 / 8  # two files between; or it starts programs, or what it imports is not known
_ITSELF = 1.0  # its file is changed, or it was traced and executed what is; half as much for each import
_FAR = 1 / 16  # through many files, or the packages around them; or it was traced, and executed none of it
_NONE = 1 / 64

_BY_NAME = re.compile(
    r"\b(?:importlib|__import__|import_module|import_string|importorskip|runpy|pkgutil|pkg_resources|entry_points|exec|eval"
    r"|execfile|pytest_plugins|subprocess|[Pp]open|os\.(?:system|exec\w+|spawn\w+|posix_spawn\w*)"
    r"|django|DJANGO_SETTINGS_MODULE)\b"
    r"|\bpatch(?:\.(?:multiple|dict))?\(|\b(?:set|del)attr\(\s*(?:[fr]?[\"']|\w+\s*\+)"
)
_READS = re.compile(
    r"\b(?:open|read_text|read_bytes|r?glob|iterdir|listdir|scandir|walk|getsource\w*|__file__|resources|doctest|pytester"
    r"|testdir)\b"
)
_CONFIGURED = ("pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "tox.ini")
_PLUGINS = re.compile(r"pytest11|pytest_plugins|(?<![\w-])-p\b|doctest|DJANGO_SETTINGS_MODULE")


class Related:
    """imported: file -> what it imports, as its language writes it. added: files that candidates add, which may be what an
    import on base names. executed: what some tests executed on base. spawning: tests that start programs there."""

    def __init__(
        self,
        imported: Mapping[str, Sequence[str]],
        *,
        added: Iterable[str] = (),
        executed: Executed | None = None,
        spawning: Set[str] = frozenset(),
    ) -> None:
        self._executed = executed or {}
        self._spawning = spawning
        self._imported = imported
        self._paths = {*imported, *added}
        self._modules = Modules(self._paths)
        self._tops = {part.removesuffix(".py") for path in self._paths for part in PurePosixPath(path).parts}
        self._by_name: dict[str, list[str]] = {}
        for path in imported:
            self._by_name.setdefault(PurePosixPath(path).name, []).append(path)
        close = {
            path: {*targets, *self._around(path, "conftest.py")}  # what is a test, the project's settings say
            for path, targets in imports(imported, self._modules).items()
        }
        self._close = _reversed(close)
        self._all = _reversed({path: {*each, *self._around(path, "__init__.py")} for path, each in close.items()})

    def risks(self, changed: Set[str], tests: Iterable[str]) -> dict[str, float]:
        """For each test how likely it fails, from 0 to 1."""
        close, far = _steps(changed, self._close), _steps(changed, self._all)
        stems = {_stem(path) for path in changed if not is_test(path)}
        least = _NONE if all(map(_is_python, changed)) else _FAR  # of other files, no import says who reads them

        def of_file(path: str | None) -> float:
            if path is None:
                return NEAR
            imported = _FAR if path in far else least
            if path in close:
                imported = max(imported, _ITSELF / 2 ** close[path])
            return max(CLOSE, min(1.0, 2 * imported)) if _stem(path) in stems else imported

        def of(test: str) -> float:
            risk = files[test]
            if test in self._executed:
                risk = _ITSELF if self._executed[test].keys() & changed else min(risk, _FAR)
            return max(risk, NEAR) if test in self._spawning else risk

        paths = {test: self._file(test) for test in tests}
        by_path = {path: of_file(path) for path in set(paths.values())}
        files = {test: by_path[path] for test, path in paths.items()}
        return {test: of(test) for test in paths}

    def unrelated(self, changed: Set[str], tests: Iterable[str], read: Callable[[str], str]) -> set[str]:
        """The tests that import nothing of `changed`, where all that they import is known. read: a file's text."""
        if not all(path.endswith(".py") for path in changed):
            return set()
        if any(_PLUGINS.search(read(path)) for path in self._imported if PurePosixPath(path).name in _CONFIGURED):
            return set()  # what pytest loads of the repository, no import says
        reaching = _steps({path for path in self._imported if self._is_opaque(path, read)} | changed, self._all)

        def is_closed(test: str) -> bool:
            path = self._file(test)
            traced = self._executed.get(test, {}).keys() & changed
            return path is not None and path not in reaching and test not in self._spawning and not traced

        return {test for test in tests if is_closed(test)}

    def _file(self, test: str) -> str | None:
        """A test's file; None where it cannot be told, since pytest names it from wherever its settings are."""
        path = test.partition("::")[0]
        found = [each for each in self._by_name.get(PurePosixPath(path).name, ()) if f"/{each}".endswith(f"/{path}")]
        return found[0] if len(found) == 1 and _is_python(path) else None

    def _around(self, path: str, name: str) -> Iterable[str]:
        """Files of that name in the folders around a Python file."""
        found = (str(folder / name) for folder in PurePosixPath(path).parents) if _is_python(path) else ()
        return [each for each in found if each in self._paths and each != path]

    def _is_opaque(self, path: str, read: Callable[[str], str]) -> bool:
        """Whether a file may depend on others than those that it is known to import."""
        if not _is_python(path):
            return False
        text = read(path)
        return bool(
            _BY_NAME.search(text) or (is_test(path) and _READS.search(text)) or self._is_missing_some(path, text)
        )

    def _is_missing_some(self, path: str, text: str) -> bool:
        """Whether an import names something of the repository that is no file of it (or the file was not understood)."""
        names = self._imported[path]
        if not names:
            return re.search(r"^\s*(?:import|from)\s", text, re.MULTILINE) is not None
        found = {name for name in names if self._modules.resolve(path, name)}
        return any(
            (name.startswith(".") or name.partition(".")[0] in self._tops)
            and not any(name == each or name.startswith(f"{each}.") or each.startswith(name) for each in found)
            for name in names
        )


def _is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi", ".pyx"))


def _stem(path: str) -> str:
    """What a file is about, by its name: `orders` of orders.py, test_orders.py, orders_test.py; a package's is its own."""
    pure = PurePosixPath(path)
    stem = pure.parent.name if pure.name == "__init__.py" else pure.stem
    return stem.removeprefix("test_").removesuffix("_test").strip("_")


def _reversed(edges: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path, targets in edges.items():
        for target in targets:
            found.setdefault(target, set()).add(path)
    return found


def _steps(start: Set[str], importers: Mapping[str, Set[str]]) -> dict[str, int]:
    """How many imports lie between each file and the nearest of `start`; only of those that reach one."""
    steps = dict.fromkeys(start, 0)
    waiting = deque(start)
    while waiting:
        path = waiting.popleft()
        for other in importers.get(path, ()):
            if other not in steps:
                steps[other] = steps[path] + 1
                waiting.append(other)
    return steps
