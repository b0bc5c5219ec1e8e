"""Runs commands for a sandbox: forks them, bounds them, forwards their output, and kills all that they started.

One program for two places. Inside a docker container it is process 1. For bubblewrap it runs on the host, one for all
sandboxes of an owner, and each request says which sandbox's namespaces to enter first. It needs only the standard
library, on Python 3.6 or newer, because inside a container it runs with the image's interpreter.

Frames, in both directions: length of what follows (4 bytes, big endian), kind (1 byte), number of the execution (4 bytes),
payload. To the supervisor: X start (JSON) · I standard input · E end of it · K kill · S start a sandbox (JSON, the number is
the sandbox's) · Z end it · L leave (also: end of file). From it: r ready · o output · e errors · c credit for input (4
bytes: how much was consumed) · x ended (JSON) · s sandbox started (JSON) · d sandbox ended (what it said).

Under every command stands a *reaper*: a process that the command's descendants cannot leave (PR_SET_CHILD_SUBREAPER), so
that a time-out finds them however they daemonised.
"""

import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import selectors
import signal
import socket
import stat
import struct
import sys
import time

CHUNK = 1 << 16
HIGH_WATER = 1 << 20  # bytes queued for the host before commands' pipes are left to fill
HEADER = struct.Struct("!IBI")
READY = b"ready\n"  # what a sandbox's first process prints once everything is mounted
COMMAND = ("--info-fd", "3", "--", "sh", "-c", "echo ready; exec sleep 2147483647")
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 1, 4, 36, 38, 24
libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Execution:
    """One command: its pipes, seen from the supervisor, and how much of its output was passed on."""

    def __init__(self, number, request):
        self.number = number
        self.left = {b"o": request["output_limit"], b"e": request["output_limit"]}
        self.unlimited = request.get("stream", False)  # standard output is a conversation: every byte is passed on
        self.truncated = False
        self.pipes = {}  # read end -> kind of frame
        self.stdin = -1
        self.input = b""
        self.input_ended = False
        self.control = -1
        self.status = -1


class Supervisor:
    """The event loop: one link to the owner, any number of executions."""

    def __init__(self, read_fd, write_fd):
        self.read_fd, self.write_fd = read_fd, write_fd
        self.selector = selectors.DefaultSelector()
        self.executions = {}
        self.sandboxes = {}
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.choked = False
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self.selector.register(read_fd, selectors.EVENT_READ, self.hear)
        libc.prctl(
            PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0
        )  # reapers come back here when the process that forked them leaves
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write)
        self.selector.register(self.wake_read, selectors.EVENT_READ, self.reap_strays)

    def run(self):
        self.say("r", 0, b"")
        while True:
            for key, _ in self.selector.select():
                key.data()

    def reap_strays(self):
        """Reap reapers, bwraps, and as process 1 whatever the commands abandoned."""
        os.read(self.wake_read, CHUNK)
        collect(0)

    # -- the link to the owner ------------------------------------------------------------------------------------

    def say(self, kind, number, payload):
        self.outgoing += HEADER.pack(len(payload) + 5, ord(kind), number) + payload
        self.flush()

    def flush(self):
        while self.outgoing:
            try:
                written = os.write(self.write_fd, self.outgoing[:CHUNK])
            except BlockingIOError:
                break
            except OSError:
                leave()
            del self.outgoing[:written]
        self.listen_for_room()

    def listen_for_room(self):
        """Wait for room on the link while something is queued; leave the commands' pipes alone while it is much."""
        wants = bool(self.outgoing)
        registered = self.write_fd in self.selector.get_map() and self.write_fd != self.read_fd
        if self.write_fd == self.read_fd:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants else 0)
            self.selector.modify(self.read_fd, events, self.both)
        elif wants and not registered:
            self.selector.register(self.write_fd, selectors.EVENT_WRITE, self.flush)
        elif registered and not wants:
            self.selector.unregister(self.write_fd)
        choked = len(self.outgoing) > HIGH_WATER
        if choked != self.choked:
            self.choked = choked
            for execution in self.executions.values():
                for fd in execution.pipes:
                    if choked:
                        self.selector.unregister(fd)
                    else:
                        self.watch(execution, fd)

    def both(self):
        self.flush()
        self.hear()

    def hear(self):
        try:
            data = os.read(self.read_fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            leave()
        if not data:
            leave()
        self.incoming += data
        while len(self.incoming) >= HEADER.size:
            length, kind, number = HEADER.unpack_from(self.incoming)
            if len(self.incoming) < length + 4:
                break
            payload = bytes(self.incoming[HEADER.size : length + 4])
            del self.incoming[: length + 4]
            self.obey(chr(kind), number, payload)

    def obey(self, kind, number, payload):
        if kind == "X":
            self.start(number, json.loads(payload.decode("utf-8")))
        elif kind == "S":
            self.sandboxes[number] = Container(self, number, json.loads(payload.decode("utf-8"))["arguments"])
        elif kind == "Z" and number in self.sandboxes:
            self.sandboxes[number].kill()
        elif kind == "L":
            leave()
        execution = self.executions.get(number)
        if execution is None:
            return
        if kind == "I":
            execution.input += payload
            self.feed(execution)
        elif kind == "E":
            execution.input_ended = True
            self.feed(execution)
        elif kind == "K":
            kill_request(execution)

    # -- one execution --------------------------------------------------------------------------------------------

    def start(self, number, request):
        execution = Execution(number, request)
        stdin, execution.stdin = os.pipe()
        out_read, stdout = os.pipe()
        error_read, stderr = os.pipe()
        control, execution.control = os.pipe()
        execution.status, status = os.pipe()
        pid = os.fork()
        if pid == 0:
            for fd in (execution.stdin, out_read, error_read, execution.control, execution.status):
                os.close(fd)
            become_reaper(request, stdin, stdout, stderr, control, status, self)
        for fd in (stdin, stdout, stderr, control, status):
            os.close(fd)
        execution.pipes = {out_read: "o", error_read: "e"}
        for fd in (execution.stdin, execution.status, *execution.pipes):
            os.set_blocking(fd, False)
        self.executions[number] = execution
        for fd in execution.pipes:
            self.watch(execution, fd)
        self.selector.register(execution.status, selectors.EVENT_READ, lambda: self.ended(execution))

    def watch(self, execution, fd):
        if not self.choked:
            self.selector.register(fd, selectors.EVENT_READ, lambda: self.forward(execution, fd))

    def forward(self, execution, fd):
        """Pass one chunk on; returns whether there may be more."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        kind = execution.pipes[fd]
        if not data:
            self.forget(execution, fd)
            return False
        if not (kind == "o" and execution.unlimited):
            room = execution.left[kind.encode()]
            execution.truncated = execution.truncated or len(data) > room
            data = data[:room]
            execution.left[kind.encode()] = room - len(data)
        if data:
            self.say(kind, execution.number, data)
        return True

    def forget(self, execution, fd):
        if fd in self.selector.get_map():
            self.selector.unregister(fd)
        del execution.pipes[fd]
        os.close(fd)

    def feed(self, execution):
        """Give the command what it can take of its input, and the owner credit for it."""
        if execution.stdin < 0:
            return
        taken = 0
        try:
            while execution.input:
                written = os.write(execution.stdin, execution.input[:CHUNK])
                execution.input = execution.input[written:]
                taken += written
        except BlockingIOError:
            pass
        except OSError:  # it reads no more: the rest is dropped, with credit, so that nobody waits for ever
            taken += len(execution.input)
            execution.input = b""
            execution.input_ended = True
        if taken:
            self.say("c", execution.number, struct.pack("!I", taken))
        watched = execution.stdin in self.selector.get_map()
        if execution.input and not watched:
            self.selector.register(execution.stdin, selectors.EVENT_WRITE, lambda: self.feed(execution))
        elif not execution.input and watched:
            self.selector.unregister(execution.stdin)
        if execution.input_ended and not execution.input:
            os.close(execution.stdin)
            execution.stdin = -1

    def ended(self, execution):
        """The reaper reported: pass on what is left in the pipes, not what a process in the background may still write."""
        report = os.read(execution.status, CHUNK)
        self.selector.unregister(execution.status)
        for fd in list(execution.pipes):
            for _ in range(64):  # a pipe holds 64 KiB, at most 1 MiB where a command enlarged it
                if not self.forward(execution, fd):
                    break
            if fd in execution.pipes:
                self.forget(execution, fd)
        if execution.stdin >= 0:
            if execution.stdin in self.selector.get_map():
                self.selector.unregister(execution.stdin)
            os.close(execution.stdin)
        os.close(execution.status)
        os.close(execution.control)
        del self.executions[execution.number]
        # No report: the reaper itself was killed, which only its own sandbox can have done.
        result = json.loads(report.decode()) if report else {"exit_code": 137, "lost": True}
        result["truncated"] = execution.truncated
        self.say("x", execution.number, json.dumps(result).encode())


class Container:
    """One running bwrap: it describes its processes on descriptor 3, and its death ends them all."""

    def __init__(self, supervisor, number, arguments):
        self.supervisor, self.number = supervisor, number
        self.text = {"info": b"", "errors": b""}
        self.inner = 0
        info_read, info_write = os.pipe()
        error_read, error_write = os.pipe()
        arguments_read, arguments_write = os.pipe()  # not on the command line, which the sandbox can read
        os.write(arguments_write, b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
        os.close(arguments_write)
        self.outer = os.fork()
        if self.outer == 0:
            try:
                info_write, error_write, arguments_read = (
                    fcntl.fcntl(fd, fcntl.F_DUPFD, 5) for fd in (info_write, error_write, arguments_read)
                )
                for target, fd in ((1, info_write), (2, error_write), (3, info_write), (4, arguments_read)):
                    os.dup2(fd, target)
                close_all_but(3, 4)
                os.execvp("bwrap", ["bwrap", "--args", "4", *COMMAND])
            except BaseException as error:
                os.write(2, str(error).encode())
            finally:
                os._exit(127)
        for fd in (info_write, error_write, arguments_read):
            os.close(fd)
        for fd, name in ((info_read, "info"), (error_read, "errors")):
            supervisor.selector.register(fd, selectors.EVENT_READ, lambda fd=fd, name=name: self.read(fd, name))

    def read(self, fd, name):
        data = os.read(fd, CHUNK)
        self.text[name] = (self.text[name] + data)[-CHUNK:]
        if name == "info" and self.text["info"].endswith(READY):
            described = self.text["info"][: -len(READY)]
            self.inner = json.loads(described.decode())["child-pid"]
            self.supervisor.say("s", self.number, described)
        if data:
            return
        self.supervisor.selector.unregister(fd)
        os.close(fd)
        if name == "errors":  # bwrap and all that holds its standard error have ended
            del self.supervisor.sandboxes[self.number]
            self.supervisor.say("d", self.number, self.text["errors"])

    def kill(self):
        send([pid for pid in (self.inner, self.outer) if pid], signal.SIGKILL)


def kill_request(execution):
    try:
        os.write(execution.control, b"k")
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise


def leave():
    """The owner is gone or done. As process 1 this ends everything in the container; else the kernel and the owner's
    sandboxes' own ties do."""
    os._exit(0)


# -- the reaper: between the supervisor and one command ---------------------------------------------------------------


def become_reaper(request, stdin, stdout, stderr, control, status, supervisor):
    """Never returns. Enter the sandbox, start the command, wait for it or for the order to kill, report."""
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        close_all_but(stdin, stdout, stderr, control, status)
        enter(request.get("enter"))
        reap(request, stdin, stdout, stderr, control, status)
    except BaseException as error:
        os.write(stderr, ("the command could not be started: %s\n" % error).encode())
        os.write(status, json.dumps({"exit_code": 126, "failed": str(error)}).encode())
    finally:
        os._exit(0)


def close_all_but(*kept):
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > 2 and fd not in kept:
            try:
                os.close(fd)
            except OSError:
                pass  # the listing's own descriptor


def enter(place):
    """Join a sandbox from outside: its cgroups, then its namespaces; the process id changes with a second fork."""
    if place is None:
        return
    for path in place["cgroups"]:
        with open(path, "w") as file:
            file.write("0")
    spaces = [os.open("/proc/%d/ns/%s" % (place["pid"], name), os.O_RDONLY) for name in place["namespaces"]]
    for fd in spaces:
        checked(libc.setns(fd, 0))
        os.close(fd)
    if os.fork():
        os._exit(0)


def reap(request, stdin, stdout, stderr, control, status):
    """Start the command, wait, report its end. All that it leaves in the background stays, unless it was killed."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # what runs under the same user must not read or steer this process
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        run_command(request, stdin, stdout, stderr)
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    deadline = began + request["timeout_s"] if request.get("timeout_s") else None
    code, timed_out = None, False
    while code is None:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = select.select([control, wake_read], [], [], left)[0]
        if wake_read in ready:
            os.read(wake_read, CHUNK)
        code = collect(child)
        if code is None and (control in ready or not ready):
            timed_out = not ready
            kill_descendants()
            code = 137
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {
        "exit_code": code,
        "timed_out": timed_out,
        "wall_s": time.monotonic() - began,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }
    os.write(status, json.dumps(report).encode())


def collect(child):
    """Reap what has ended; the exit code of `child` once it has."""
    code = None
    try:
        while True:
            pid, state = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return code
            if pid == child:
                code = 128 + os.WTERMSIG(state) if os.WIFSIGNALED(state) else os.WEXITSTATUS(state)
    except ChildProcessError:
        return code


def descendants():
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue  # it ended meanwhile
    found, level = set(), {os.getpid()}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level} - found
        found |= level
    return found


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def kill_descendants():
    """Stop all, until no new one appears; then kill all; then reap, until nobody is left."""
    stopped = set()
    while True:
        new = descendants() - stopped
        if not new:
            break
        send(new, signal.SIGSTOP)
        stopped |= new
    send(stopped, signal.SIGKILL)
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                send(descendants(), signal.SIGKILL)
                time.sleep(0.001)
        except ChildProcessError:
            return


# -- the command itself -------------------------------------------------------------------------------------------------


def run_command(request, stdin, stdout, stderr):
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
            code = read_file(request["read"], request["output_limit"])
        elif "write" in request:
            code = write_file(request["write"], request["executable"])
        else:
            os.chdir(request["cwd"])
            execute(request["argv"], request["env"])
    except FileNotFoundError as error:
        os.write(2, ("%s: not found\n" % error.filename).encode("utf-8", "surrogateescape"))
        code = 127
    except BaseException as error:
        os.write(2, ("%s\n" % error).encode("utf-8", "surrogateescape"))
    finally:
        os._exit(code)


def execute(argv, env):
    """os.execvpe without its imports: the interpreter's files cannot be seen from inside a sandbox."""
    program = argv[0]
    places = [""] if "/" in program else [place + "/" for place in env.get("PATH", "").split(":")]
    refused = None
    for place in places:
        try:
            os.execve(place + program, argv, env)
        except PermissionError as error:
            refused = error
        except (FileNotFoundError, NotADirectoryError):
            pass
    raise refused or FileNotFoundError(errno.ENOENT, "not found", program)


def drop_privileges(user):
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


def read_file(path, limit):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    state = os.fstat(fd)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    if state.st_size > limit:
        raise OSError(errno.EFBIG, "%d bytes, more than the limit of %d" % (state.st_size, limit), path)
    while limit > 0:
        data = os.read(fd, min(CHUNK, limit))
        if not data:
            break
        limit -= len(data)
        while data:
            data = data[os.write(1, data) :]
    return 0


def write_file(path, executable):
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


def main():
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getpid() != 1:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    read_fd, write_fd = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    Supervisor(read_fd, write_fd).run()


main()
