"""A patch as the files that it changes."""

from __future__ import annotations

from selection import Change
from workspaces import Checkout, patched_files


def changes_of(checkout: Checkout, patch: bytes) -> tuple[Change, ...]:
    """Each file whole, on base and with the patch. Raises PatchError when it does not apply."""
    after = patched_files(checkout, patch)
    return tuple(
        Change(path, checkout.read(path) if path in checkout.entries else None, entry[1] if entry else None)
        for path, entry in sorted(after.items())
    )
