"""Where a link leads is what the kernel says."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workspaces.links import leaves_tree

OPENAT2, RESOLVE_BENEATH = 437, 0x08  # openat2(2)
DIRECTORIES = ("a", "a/b", "a/b/c")
PLACES = st.sampled_from(["l", "m", "a/l", "a/m", "a/b/l", "a/b/c/l"])
PARTS = st.lists(st.sampled_from(["..", ".", "", "a", "b", "c", "l", "m"]), min_size=1, max_size=8)
TARGETS = st.one_of(PARTS.map("/".join).filter(bool), st.just("/etc"))
libc = ctypes.CDLL(None, use_errno=True)


def kernel(root: Path, path: str) -> int:
    """errno of opening a path that must stay beneath a directory at each step; 0 where it does."""
    directory = os.open(root, os.O_PATH)
    try:
        how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_BENEATH)
        while True:
            fd: int = libc.syscall(OPENAT2, directory, os.fsencode(path), how, len(how))
            if fd >= 0:
                os.close(fd)
                return 0
            if ctypes.get_errno() != errno.EAGAIN:  # somebody renamed something somewhere meanwhile
                return ctypes.get_errno()
    finally:
        os.close(directory)


@pytest.mark.skipif(kernel(Path("/"), "etc") == errno.ENOSYS, reason="openat2 needs Linux 5.6")
@settings(max_examples=500, deadline=None)
@given(links=st.dictionaries(PLACES, TARGETS, min_size=1, max_size=5))
@example(links={"a/b/c/l": "../../..", "l": "a/b/c/l/../etc/passwd"})
@example(links={"l": "a/../.."})
@example(links={"l": "m", "m": "l"})
def test_a_link_leaves_the_tree_exactly_when_the_kernel_finds_that_it_does(links: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for directory in DIRECTORIES:
            (root / directory).mkdir()
        for path, target in links.items():
            (root / path).symlink_to(target)
        for path in links:
            said = kernel(root, path)
            if said == errno.EXDEV:
                assert leaves_tree(path, links)
            elif said == 0:
                assert not leaves_tree(path, links)
            else:  # the kernel stopped at something that is missing, and does not know
                assert said in (errno.ENOENT, errno.ELOOP)
