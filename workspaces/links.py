"""Where symbolic links lead. Pure: it knows the links of a tree, and never looks at a file system."""

from __future__ import annotations

from collections.abc import Mapping

_MOST_FOLLOWED = 40  # then the kernel gives up with ELOOP, and the link leads nowhere


def leaves_tree(path: str, links: Mapping[str, str]) -> bool:
    """Whether a link of the tree, followed as the kernel does, is outside of the tree at any step.

    links: all links of the tree, their paths and targets. What is no link counts as a directory, also where it is missing.
    """
    place = path.split("/")[:-1]
    pending = links[path].split("/")[::-1]
    if links[path].startswith("/"):
        return True
    followed = 1
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not place:
                return True
            place.pop()
            continue
        target = links.get("/".join([*place, part]))
        if target is None:
            place.append(part)
            continue
        followed += 1
        if target.startswith("/"):
            return True
        if followed > _MOST_FOLLOWED:
            return False
        pending += target.split("/")[::-1]
    return False
