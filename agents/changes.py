"""A patch as the files that it changes, with their modes."""

from __future__ import annotations

from selection import PLAIN, Change
from workspaces import Checkout, patched_files


def changes_of(checkout: Checkout, patch: bytes) -> tuple[Change, ...]:
    """Each file whole, on base and with the patch. Raises PatchError when it does not apply."""
    return tuple(_change(checkout, path, after) for path, after in sorted(patched_files(checkout, patch).items()))


def _change(checkout: Checkout, path: str, after: tuple[str, bytes] | None) -> Change:
    """after: its mode and content; None: it is gone."""
    before = checkout.entries.get(path)
    modes = [before.mode if before else PLAIN, after[0] if after else PLAIN]
    return Change(path, checkout.read(path) if before else None, after[1] if after else None, *modes)
