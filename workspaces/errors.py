"""Everything that can go wrong in this room.

    WorkspaceError                  a repository, workspace or sandbox did not do what it promises
    ├── RepositoryError             the user's repository cannot be used as it is: bad input, no retry
    │   ├── UnknownCommit           the base commit does not exist there
    │   └── UnsafeRepository        it holds something a sandboxed run must not be given
    ├── PatchError                  a patch does not apply, reaches outside the tree, or is too large: no retry
    ├── DiskFull                    no space left (host or sandbox): retry after making room
    ├── SandboxUnavailable          no sandbox of that kind can be started here: install something first
    ├── SandboxDied                 the sandbox is gone (killed, out of memory): retry in a fresh one
    ├── SandboxFileError            a file inside the sandbox cannot be read or written (also an OSError)
    └── ProtocolError               the sandbox's supervisor sent something unreadable: retry in a fresh one

A command that fails, runs too long or prints too much is *not* an error: ExecResult says so. A failure of the
provider can therefore never pass for a command's output.
"""

from __future__ import annotations


class WorkspaceError(Exception):
    """The root of this room's errors. `str()` says what happened, to which thing, and what to do next."""


class RepositoryError(WorkspaceError):
    """The user's repository cannot be used as it is."""


class UnknownCommit(RepositoryError):
    """The base commit does not exist in the repository."""


class UnsafeRepository(RepositoryError):
    """The repository holds something that a sandboxed run must not be given (a link out of the tree, …)."""


class PatchError(WorkspaceError, ValueError):
    """A patch does not apply, names a path outside the tree, or would be too large to be made."""


class DiskFull(WorkspaceError, OSError):
    """No space left on the device that holds the state directory or the workspace."""


class SandboxUnavailable(WorkspaceError):
    """No sandbox of the asked kind can be started on this machine."""


class SandboxDied(WorkspaceError):
    """The sandbox ended while it was still needed."""


class SandboxFileError(WorkspaceError, OSError):
    """A file inside the sandbox cannot be read or written."""


class ProtocolError(WorkspaceError):
    """The sandbox's supervisor sent something that is not a frame of its protocol."""
