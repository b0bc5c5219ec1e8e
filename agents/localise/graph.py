"""Which file imports which: what an import names, found among the files of the repository. Pure.

Names are resolved by the shape of paths alone, without build files: a Python module under any root (`src/`, `lib/`, a folder
without `__init__.py`), a relative JavaScript module, a Go package by the end of its folder, a Rust module below its crate, a
Java class by its package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from posixpath import dirname, normpath

from agents.localise.facts import GRAMMARS, suffix

_ROOTS = ("src/", "lib/", "python/", "src/main/java/", "src/test/java/")
_JS_SUFFIXES = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".d.ts")
FAN_OUT = 50  # files of one Go package that an import may name; more say nothing


class Modules:
    """Module names -> files."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)
        self._python: dict[str, list[str]] = {}
        self._rust: dict[str, list[str]] = {}
        self._java: dict[str, list[str]] = {}
        self._go: dict[str, list[str]] = {}
        for path in sorted(self._paths):
            kind = GRAMMARS.get(suffix(path))
            if kind == "python":
                for key in self._python_names(path):
                    self._python.setdefault(key, []).append(path)
            elif kind == "rust":
                stem = path.removesuffix(".rs").removesuffix("/mod").removesuffix("/lib").removesuffix("/main")
                key = stem.partition("src/")[2] if "src/" in stem else stem
                self._rust.setdefault(key, []).append(path)
            elif kind == "java":
                for root in ("", *_ROOTS):
                    if root in path:
                        key = path[path.index(root) + len(root) :].removesuffix(".java").replace("/", ".")
                        self._java.setdefault(key, []).append(path)
            elif kind == "go":
                self._go.setdefault(PurePosixPath(path).parent.name, []).append(path)

    def _python_names(self, path: str) -> set[str]:
        stem = path.rpartition(".")[0].removesuffix("/__init__")
        keys = {stem, *(stem.removeprefix(root) for root in _ROOTS)}
        root = dirname(path)
        while root and f"{root}/__init__.py" in self._paths:
            root = dirname(root)
        keys.add(stem[len(root) :].lstrip("/"))
        return {key.replace("/", ".") for key in keys if key}

    def python(self, dotted: str) -> list[str]:
        """The files of a Python module, by its absolute name."""
        return self._python.get(dotted, [])

    def resolve(self, importer: str, name: str) -> list[str]:
        """The files that an import in `importer` names; none for what is outside of the repository."""
        kind = GRAMMARS.get(suffix(importer))
        if kind == "python":
            return self._relative(importer, name) if name.startswith(".") else self.python(name)
        if kind in ("javascript", "typescript", "tsx"):
            return self._script(importer, name) if name.startswith(".") else []
        if kind == "go":
            folder = name.rpartition("/")[2]
            files = [each for each in self._go.get(folder, []) if name.endswith(dirname(each))]
            return files if len(files) <= FAN_OUT else []
        if kind == "rust":
            return self._crate(importer, name)
        if kind == "java":
            return self._java.get(name) or self._java.get(name.rpartition(".")[0], [])
        return []

    def _relative(self, importer: str, name: str) -> list[str]:
        rest = name.lstrip(".")
        folder = PurePosixPath(importer).parent
        for _ in range(len(name) - len(rest) - 1):
            folder = folder.parent
        stem = "/".join(part for part in (*folder.parts, *rest.split(".")) if part)
        return [
            each for each in (f"{stem}.py", f"{stem}.pyi", f"{stem}.pyx", f"{stem}/__init__.py") if each in self._paths
        ]

    def _script(self, importer: str, name: str) -> list[str]:
        stem = normpath(f"{dirname(importer)}/{name}").lstrip("/")
        bare = stem.removesuffix(".js")
        tried = [stem, *(f"{bare}{end}" for end in _JS_SUFFIXES), *(f"{stem}/index{end}" for end in _JS_SUFFIXES)]
        return [each for each in dict.fromkeys(tried) if each in self._paths][:1]

    def _crate(self, importer: str, name: str) -> list[str]:
        within = (
            importer.partition("src/")[2].removesuffix(".rs") if "src/" in importer else importer.removesuffix(".rs")
        )
        folder = [part for part in within.split("/") if part not in ("mod", "lib", "main")]
        parts = name.split("::")
        if parts[0] == "crate":
            parts = parts[1:]
        elif parts[0] in ("self", "super"):
            while parts and parts[0] in ("self", "super"):
                folder = folder[:-1] if parts[0] == "super" else folder
                parts = parts[1:]
            parts = [*folder, *parts]
        elif len(parts) == 1:  # `mod name;`
            parts = [*folder, *parts]
        for length in range(len(parts), 0, -1):
            found = self._rust.get("/".join(parts[:length]))
            if found:
                return found
        return []


def imports(named: Mapping[str, Iterable[str]], modules: Modules) -> dict[str, tuple[str, ...]]:
    """file -> the other files that it imports, sorted. named: what each imports, as its language writes it."""
    edges = {}
    for path, names in named.items():
        found = {target for name in names for target in modules.resolve(path, name)}
        edges[path] = tuple(sorted(found - {path}))
    return edges


def spread(
    scores: Mapping[str, float], edges: Mapping[str, tuple[str, ...]], hops: int, damping: float
) -> dict[str, float]:
    """What reaches each file from others over at most `hops` imports, in both directions: every file hands its score on, shared
    among its neighbours by the square root of their number, and less by `damping` at each hop."""
    near: dict[str, set[str]] = {path: set(targets) for path, targets in edges.items()}
    for path, targets in edges.items():
        for target in targets:
            near[target].add(path)
    reached: dict[str, float] = dict.fromkeys(edges, 0.0)
    current = dict(scores)
    for hop in range(hops):
        following: dict[str, float] = {}
        for path, value in current.items():
            if value > 0 and near[path]:
                share = value / len(near[path]) ** 0.5
                for other in near[path]:
                    following[other] = max(following.get(other, 0.0), share)
        for path, value in following.items():
            reached[path] = max(reached[path], value * damping**hop)
        current = following
    return reached
