"""The tools' own program, which runs inside the sandbox: finds, searches, reads and writes files of the workspace.

One request, one answer: a line of JSON and then bytes, on standard input and output. Only the standard library, Python 3.8
or newer; its text is handed to the interpreter with `-c`, so that nothing in the sandbox can replace it. It follows no link,
so that a path names one file, and a file that it writes is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
import sys
from typing import Any, Dict, Iterator, List, Pattern, Tuple  # noqa: UP035  (Python 3.8)

SKIPPED = frozenset(
    """
    .git .hg .svn .tox .nox .venv venv node_modules __pycache__ .mypy_cache .pytest_cache .ruff_cache
    .hypothesis
    """.split()  # noqa: SIM905
)
LARGEST_SEARCHED = 4 << 20  # bytes of a file
MOST_COUNTED = 100_000
LONGEST_LINE = 400  # characters of a line in a hit
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
Answer = Tuple[Dict[str, Any], List[bytes]]  # noqa: UP006


class Refused(Exception):
    """What the host is told: a kind, the path, and facts."""

    def __init__(self, kind: str, path: str, **facts: Any) -> None:
        super().__init__(kind, path)
        self.told = dict(facts, kind=kind, path=shown(path))


def shown(path: str) -> str:
    """A name as text, whatever its bytes are."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# -- paths --


def parts_of(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def open_at(root: int, path: str, flags: int) -> int:
    """A descriptor of what the path names, reached through no link."""
    parts = parts_of(path)
    if not parts:
        return os.dup(root)
    fd = os.dup(root)
    try:
        for place, part in enumerate(parts):
            last = place == len(parts) - 1
            try:
                inner = os.open(part, flags if last else _DIRECTORY, dir_fd=fd)
            except OSError as error:
                refuse_link(fd, parts, place)
                kind = {errno.ENOENT: "missing", errno.ENOTDIR: "missing", errno.ENXIO: "not-a-file"}
                raise Refused(kind.get(error.errno or 0, "denied"), path, detail=error.strerror) from None
            os.close(fd)
            fd = inner
    except BaseException:
        os.close(fd)
        raise
    return fd


def refuse_link(fd: int, parts: list[str], place: int) -> None:
    """Where a link stands in the way, say what it leads to."""
    try:
        is_link = stat.S_ISLNK(os.lstat(parts[place], dir_fd=fd).st_mode)
    except OSError:
        return
    if is_link:
        top = os.path.realpath(".")
        real = os.path.realpath(os.path.join(top, *parts))
        inside = real[len(top) + 1 :] if real.startswith(top + os.sep) and os.path.exists(real) else ""
        raise Refused("link", "/".join(parts[: place + 1]), leads_to=shown(inside))


def read_at(root: int, path: str, limit: int) -> tuple[bytes, int]:
    """A regular file's bytes and mode."""
    fd = open_at(root, path, _FILE)
    try:
        state = os.fstat(fd)
        if stat.S_ISDIR(state.st_mode):
            raise Refused("directory", path)
        if not stat.S_ISREG(state.st_mode):
            raise Refused("not-a-file", path)
        if state.st_size > limit:
            raise Refused("too-large", path, size=state.st_size, limit=limit)
        data = os.read(fd, state.st_size + 1)
        while len(data) <= limit and (rest := os.read(fd, 1 << 20)):
            data += rest
        return data[:limit], stat.S_IMODE(state.st_mode)
    finally:
        os.close(fd)


def walk(root: int, path: str) -> Iterator[tuple[str, int]]:
    """Regular files at and below a path, in the order of their names, with their sizes; links and caches are left out."""
    fd = open_at(root, path, _FILE)
    try:
        state = os.fstat(fd)
        place = "/".join(parts_of(path))
        if stat.S_ISREG(state.st_mode):
            yield place, state.st_size
        elif stat.S_ISDIR(state.st_mode):
            yield from below(fd, place + "/" if place else "")
        else:
            raise Refused("not-a-file", path)
    finally:
        os.close(fd)


def below(fd: int, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(fd) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        try:
            if entry.is_dir(follow_symlinks=False):
                if entry.name in SKIPPED:
                    continue
                inner = os.open(entry.name, _DIRECTORY, dir_fd=fd)
                try:
                    yield from below(inner, prefix + entry.name + "/")
                finally:
                    os.close(inner)
            elif entry.is_file(follow_symlinks=False):
                yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size
        except OSError:  # gone since it was listed, or not for us
            continue


def chosen(root: int, request: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """The files below `path` whose place below it the regular expression `names` matches."""
    path = request["path"]
    names = re.compile(request["names"]) if request["names"] else None
    top = "/".join(parts_of(path))
    for file, size in walk(root, path):
        place = file[len(top) + 1 :] if top and file != top else file.rsplit("/", 1)[-1] if file == top else file
        if names is None or names.fullmatch(place):
            yield file, size


# -- requests --


def find(root: int, request: dict[str, Any], _: bytes) -> Answer:
    files = []
    total = 0
    for path, size in chosen(root, request):
        total += 1
        if total <= request["limit"]:
            files.append([shown(path), size])
    return {"files": files, "total": total}, []


def grep(root: int, request: dict[str, Any], _: bytes) -> Answer:
    pattern = re.compile(request["pattern"], re.MULTILINE | (re.IGNORECASE if request["ignore_case"] else 0))
    # What no whole text matches, none of its lines does; a pattern that looks around itself may see the difference.
    whole = not re.search(r"\\[AZ]|\(\?", request["pattern"])
    hits: list[dict[str, Any]] = []
    facts = {"total": 0, "files": 0, "too_large": 0, "searched": 0}
    for path, size in chosen(root, request):
        if size > LARGEST_SEARCHED:
            facts["too_large"] += 1
            continue
        text = text_of(root, path)
        if text is None:
            continue
        facts["searched"] += 1
        if whole and not pattern.search(text):
            continue
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        found = [(number, match.span()) for number, line in enumerate(lines) if (match := pattern.search(line))]
        facts["total"] += len(found)
        facts["files"] += bool(found)
        for number, span in found[: request["limit"] - len(hits)]:
            hits.append(hit(shown(path), lines, number, span, request["context"]))
        if facts["total"] > MOST_COUNTED:
            break
    return dict(facts, hits=hits), []


def hit(path: str, lines: list[str], number: int, span: tuple[int, int], context: int) -> dict[str, Any]:
    before = [cut(line) for line in lines[max(0, number - context) : number]]
    after = [cut(line) for line in lines[number + 1 : number + 1 + context]]
    return {"path": path, "line": number + 1, "text": cut(lines[number], *span), "before": before, "after": after}


def cut(line: str, start: int = 0, end: int = 0) -> str:
    """At most LONGEST_LINE characters, among them those from `start` on, with a mark where some are left out."""
    first = max(0, start - LONGEST_LINE // 4) if end > LONGEST_LINE else 0
    last = first + LONGEST_LINE
    return ("\u2026" if first else "") + line[first:last] + ("\u2026" if last < len(line) else "")


def text_of(root: int, path: str) -> str | None:
    """None for what is no text."""
    try:
        data, _ = read_at(root, path, LARGEST_SEARCHED)
    except Refused:
        return None
    if b"\0" in data[:8192]:
        return None
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def read(root: int, request: dict[str, Any], _: bytes) -> Answer:
    """Each path's bytes; a file that cannot be read is told in its place when several are asked for."""
    files, blobs = [], []
    for path in request["paths"]:
        try:
            data, mode = read_at(root, path, request["limit"])
        except Refused as refused:
            if len(request["paths"]) == 1:
                raise
            files.append({"path": path, "size": 0, "mode": 0, "refused": refused.told["kind"]})
            continue
        files.append({"path": path, "size": len(data), "mode": mode})
        blobs.append(data)
    return {"files": files}, blobs


def word(root: int, request: dict[str, Any], _: bytes) -> Answer:
    """The files with one of these suffixes whose bytes hold a word (or, with `part`, a text in any case)."""
    plain = request["word"].encode("utf-8")
    wanted = re.escape(plain)
    finder: Pattern[bytes] = re.compile(
        wanted if request["part"] else rb"(?<![\w$])%s(?![\w$])" % wanted, re.IGNORECASE if request["part"] else 0
    )
    suffixes = tuple(request["suffixes"])
    files, blobs = [], []
    room = request["room"]
    left_out = 0
    for path, size in walk(root, request["path"]):
        if not path.endswith(suffixes) or size > request["limit"]:
            continue
        try:
            data, _mode = read_at(root, path, request["limit"])
        except Refused:
            continue
        if (not request["part"] and plain not in data) or finder.search(data) is None:
            continue
        if len(data) > room:
            left_out += 1
            continue
        room -= len(data)
        files.append({"path": shown(path), "size": len(data), "mode": 0})
        blobs.append(data)
    return {"files": files, "left_out": left_out}, blobs


# -- writing --


def write(root: int, request: dict[str, Any], blob: bytes) -> Answer:
    """Make all changes or none: check every one, write all beside their places, then move them there."""
    start = 0
    contents = []
    for change in request["changes"]:
        size = change["size"]
        contents.append(None if size is None else blob[start : start + size])
        start += size or 0
    olds = [check(root, change, content) for change, content in zip(request["changes"], contents)]
    modes = {change["path"]: old[1] for change, old in zip(request["changes"], olds) if old}
    made: list[str] = []
    beside: list[tuple[int, str, str]] = []
    done = 0
    try:
        for change, content in zip(request["changes"], contents):
            directory, name = place_of(root, change["path"], made, content is not None)
            beside.append((directory, name, f".runoff-{os.getpid()}-{len(beside)}"))
            if content is not None:
                mode = modes.get(change["renamed"] or change["path"])
                put(directory, beside[-1][2], content, mode, change["executable"])
        for (directory, name, temporary), content in zip(beside, contents):
            if content is None:
                os.unlink(name, dir_fd=directory)
            else:
                os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            done += 1
    except BaseException as error:
        for (directory, name, temporary), old in list(zip(beside, olds))[:done]:
            put_back(directory, name, temporary, old)
        for directory, _name, temporary in beside[done:]:
            quietly(os.unlink, temporary, directory)
        for path in reversed(made):
            quietly(os.rmdir, path, root)
        if isinstance(error, OSError):
            raise Refused("denied", request["changes"][done]["path"], detail=error.strerror or str(error)) from None
        raise
    return {}, []


def put_back(directory: int, name: str, temporary: str, old: tuple[bytes, int] | None) -> None:
    if old is None:
        quietly(os.unlink, name, directory)
    else:
        put(directory, temporary, *old)
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def quietly(act: Any, name: str, directory: int) -> None:
    with contextlib.suppress(OSError):
        act(name, dir_fd=directory)


def check(root: int, change: dict[str, Any], content: bytes | None) -> tuple[bytes, int] | None:
    """The bytes and mode of the file as it is (None: there is none), if it is what the host has seen and the new one parses."""
    path = change["path"]
    old: tuple[bytes, int] | None = None
    try:
        old = read_at(root, path, 1 << 30)
    except Refused as refused:
        if refused.told["kind"] != "missing":
            raise
    if change["expect"] != (None if old is None else hashlib.sha256(old[0]).hexdigest()):
        raise Refused("exists" if change["expect"] is None else "missing" if old is None else "changed", path)
    if content is not None and change["python"]:
        fault = fault_of(content)
        if fault is not None and (not change["tolerant"] or old is None or fault_of(old[0]) is None):
            raise Refused("syntax", path, line=fault[0], detail=fault[1])
    return old


def fault_of(source: bytes) -> tuple[int, str] | None:
    """Line and text of Python's own complaint."""
    import ast
    import warnings

    warnings.simplefilter("ignore")
    try:
        compile(source, "file", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, f"{type(error).__name__}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, f"{type(error).__name__}: {error}"
    return None


def place_of(root: int, path: str, made: list[str], make: bool) -> tuple[int, str]:
    """The directory of a path, made where it is missing, and the name in it."""
    *directories, name = parts_of(path)
    for end in range(1, len(directories) + 1):
        directory = "/".join(directories[:end])
        try:
            if make:
                os.mkdir(directory, 0o777, dir_fd=root)
                made.append(directory)
        except FileExistsError:
            pass
        except NotADirectoryError:
            break
    try:
        return open_at(root, "/".join(directories), _DIRECTORY), name
    except Refused as refused:
        if refused.told["kind"] == "missing":
            raise Refused("no-directory", "/".join(directories)) from None
        raise


def put(directory: int, name: str, content: bytes, mode: int | None, executable: bool | None = None) -> None:
    """mode: None for a new file's. executable: whether it may then be executed by those who may read it; None: as `mode` says."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o666, dir_fd=directory), "wb") as file:
        file.write(content)
        file.flush()
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode) if mode is None else mode
        if executable is not None:
            mode = mode | (mode & 0o444) >> 2 if executable else mode & ~0o111
        os.fchmod(file.fileno(), mode)


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    blob = sys.stdin.buffer.read()
    operations = {"find": find, "grep": grep, "read": read, "word": word, "write": write}
    blobs: list[bytes] = []
    try:
        os.chdir(request["root"])
        root = os.open(".", _DIRECTORY)
        answer, blobs = operations[request["op"]](root, request, blob)
    except Refused as refused:
        answer = {"refused": refused.told}
    except re.error as error:
        answer = {"refused": {"kind": "pattern", "path": "", "detail": str(error)}}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + b"".join(blobs))


if __name__ == "__main__":
    main()
