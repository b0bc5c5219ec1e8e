"""Runs commands for a sandbox: forks them, bounds them, forwards their output, and kills all that they started.

One program for two places. Inside a docker container it is process 1. For bubblewrap it runs on the host, one for all
sandboxes of an owner, and each request says which sandbox's namespaces to enter first. It needs only the standard
library, on Python 3.7 or newer, because inside a container it runs with the image's interpreter.

Frames, in both directions: length of what follows (4 bytes, big endian), kind (1 byte), number of the execution (4 bytes),
payload. To the supervisor: X start (JSON) · I standard input · E end of it · K kill · S start a sandbox (JSON, the number is
the sandbox's) · Z end it · L leave (also: end of file). From it: r ready · o output · e errors · c credit for input (4
bytes: how much was consumed) · x ended (JSON) · s sandbox started (JSON) · d sandbox ended (what it said).

loop      the event loop: the link to the owner, the commands' pipes
reaper    between the supervisor and one command: a process that the command's descendants cannot leave
          (PR_SET_CHILD_SUBREAPER), so that a time-out finds them however they daemonised
command   the command itself: limits, privileges, execve; reading and writing a file
bwrap     one running bwrap
mounts    a mount table without the other workspaces, which makes a start quick
system    what Python's standard library does not wrap
"""
