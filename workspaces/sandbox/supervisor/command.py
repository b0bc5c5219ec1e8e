"""The command itself: limits and privileges, then execve; or one file read or written, as the same user."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import struct
from typing import Any, NoReturn

from .system import CHUNK, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, checked, libc


def run_command(request: dict[str, Any], stdin: int, stdout: int, stderr: int) -> NoReturn:
    """Never returns."""
    code = 126
    try:
        os.setsid()
        for target, fd in enumerate((stdin, stdout, stderr)):
            os.dup2(fd, target)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        for name, value in request.get("rlimits", {}).items():
            resource.setrlimit(getattr(resource, name), (value, value))
        drop_privileges(request.get("user"))
        if "read" in request:
            code = read_file(request["read"], request["limit"])
        elif "write" in request:
            code = write_file(request["write"], request["executable"])
        else:
            os.chdir(request["cwd"])
            execute(request["argv"], request["env"])
    except FileNotFoundError as error:
        os.write(2, (f"{error.filename}: not found\n").encode("utf-8", "surrogateescape"))
        code = 127
    except BaseException as error:
        os.write(2, (f"{error}\n").encode("utf-8", "surrogateescape"))
    finally:
        os._exit(code)


def execute(argv: list[str], env: dict[str, str]) -> None:
    """os.execvpe without its imports: the interpreter's files cannot be seen from inside a sandbox."""
    program = argv[0]
    places = [""] if "/" in program else [place + "/" for place in env.get("PATH", "").split(":")]
    refused: OSError | None = None
    for place in places:
        try:
            os.execve(place + program, argv, env)
        except PermissionError as error:
            refused = error
        except (FileNotFoundError, NotADirectoryError):
            pass
    raise refused or FileNotFoundError(errno.ENOENT, "not found", program)


def drop_privileges(user: int | None) -> None:
    """Become `user` (None: stay), with no capability now or ever, and no way to gain any from a program file."""
    if user is not None:
        capability = 0
        while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
            capability += 1
        if os.getuid() == 0 and user != 0:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        header = struct.pack("Ii", 0x20080522, 0)
        checked(libc.capset(header, bytes(24)))
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def read_file(path: str, limit: int) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    state = os.fstat(fd)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    if state.st_size > limit:
        raise OSError(errno.EFBIG, f"{state.st_size} bytes, more than the limit of {limit}", path)
    while limit > 0:
        data = os.read(fd, min(CHUNK, limit))
        if not data:
            break
        limit -= len(data)
        while data:
            data = data[os.write(1, data) :]
    return 0


def write_file(path: str, executable: bool) -> int:
    directory = os.path.dirname(path)
    if directory:
        os.makedirs(directory, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    while True:
        data = os.read(0, CHUNK)
        if not data:
            break
        while data:
            data = data[os.write(fd, data) :]
    if executable:
        os.fchmod(fd, os.fstat(fd).st_mode | 0o111)
    os.close(fd)
    return 0
