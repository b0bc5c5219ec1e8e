"""Bytes by content: what a Run keeps that is too large for an event (patches, logs, test reports)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

from memory.errors import StoreUnusable

_PREFIX = re.compile(r"[0-9a-f]{16,64}")


class FileStore:
    """A directory of files named by the SHA-256 of their content. Writing the same bytes twice writes once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes) -> str:
        """Keep `data`; returns its digest (64 hexadecimal digits). The file appears whole or not at all."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not path.exists():
            try:
                if not path.parent.exists():
                    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_whole(path, data)
            except OSError as error:
                raise StoreUnusable.because(self._root, "written", error) from error
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a digest. StoreUnusable when they are missing or no longer what was written."""
        try:
            data = self._path(digest).read_bytes()
        except OSError as error:
            raise StoreUnusable(f"file {digest} is not in the store {self._root}: {error}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreUnusable(f"file {digest} in {self._root} is damaged; remove it")
        return data

    def find(self, prefix: str) -> bytes | None:
        """The bytes whose digest begins with `prefix`; None when there are none. At least 16 hexadecimal digits, which nobody
        can guess: a prefix may come from a model, and must not open what it was not given. ValueError for fewer."""
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(f"{prefix[:80]!r} is not 16 or more hexadecimal digits")
        found = sorted((self._root / prefix[:2]).glob(f"{prefix}*"))
        return self.get(found[0].name) if len(found) == 1 else None

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write beside, then rename, so that a reader sees the old file, the new one, or none."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), mode)
        Path(beside).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(beside).unlink()
        raise
