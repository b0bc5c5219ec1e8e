"""Where files come from: texts in memory, or a checkout on this machine, read as data.

A digest names a file's content without reading it, so that a file whose facts are cached is not opened at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Protocol

from agents.localise.facts import is_known
from workspaces import Checkout

LARGEST = 1 << 20  # bytes; a longer file is data or generated, and is left out


class Sources(Protocol):
    """The files of one commit. Equal digests mean equal contents."""

    def paths(self) -> Iterable[str]: ...
    def digest(self, path: str) -> str: ...
    def read(self, path: str) -> str: ...


class Texts:
    """Files whose texts are in memory."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def paths(self) -> Iterable[str]:
        return [path for path in self._texts if is_known(path)]

    def digest(self, path: str) -> str:
        return hashlib.sha256(self._texts[path].encode("utf-8", "surrogatepass")).hexdigest()

    def read(self, path: str) -> str:
        return self._texts[path]


class CheckoutFiles:
    """The tracked files of a checkout. Links, binary files and files over 1 MiB are left out; nothing is executed, and nothing
    outside of the tree is opened."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout

    def paths(self) -> Iterable[str]:
        for path, entry in self._checkout.entries.items():
            if entry.mode != "120000" and entry.size <= LARGEST and is_known(path):
                yield path

    def digest(self, path: str) -> str:
        return self._checkout.entries[path].blob

    def read(self, path: str) -> str:
        """From the checkout's tree, which only this process's user writes: git would be started once for every file."""
        handle = os.open(self._checkout.tree / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            data = file.read(LARGEST + 1)
        return "" if b"\0" in data[:8192] else data.decode("utf-8", "replace")
