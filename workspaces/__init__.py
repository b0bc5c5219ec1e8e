"""Repositories, checkouts, diffs and sandboxes: everything untrusted is reached through this room."""
