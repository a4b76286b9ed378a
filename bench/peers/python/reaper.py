"""
Runs a command and measures it with all its descendants: reaper.py RESULT COMMAND [ARGUMENT...]

The kernel makes this process the parent of orphaned descendants, such as a cluster's daemons. So it waits for them,
counts them and, after a while, kills them.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# Wait for descendants after the end of the command. Later ones would probably never exit.
GRACE_SECONDS = 15.0


def main() -> None:
    result, *command = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    set_process(PR_SET_CHILD_SUBREAPER, 1)
    # When the parent of this process is killed, all descendants are killed, too.
    set_process(PR_SET_PDEATHSIG, signal.SIGTERM)
    started = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    status = wait_for(pid)
    wall_seconds = time.monotonic() - started
    left_behind = end_descendants()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "code": os.waitstatus_to_exitcode(status),
        "wallSeconds": wall_seconds,
        "cpuSeconds": used.ru_utime + used.ru_stime,
        "leftBehind": left_behind,
    }
    Path(result).write_text(json.dumps(found))


def set_process(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def wait_for(pid: int) -> int:
    while True:
        ended, status = os.wait()
        if ended == pid:
            return status


def end_descendants() -> int:
    """Waits for all descendants, and returns the number of killed ones."""
    deadline = time.monotonic() + GRACE_SECONDS
    killed: set[int] = set()
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return len(killed)
        if ended == 0:
            if time.monotonic() > deadline:
                killed |= kill_children()
            time.sleep(0.02)


def kill_children() -> set[int]:
    """Kills all children. Their children become children of this process, and are killed in the next call."""
    children = set(own_children())
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    return children


def own_children() -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may have blanks, so the fields are counted after it.
            _, _, fields = path.read_text().rpartition(")")
        except OSError:
            continue
        if int(fields.split()[1]) == os.getpid():
            yield int(path.parent.name)


def stop(_signal: int, _frame: object) -> None:
    """Handles a signal: kills all descendants, and exits."""
    while True:
        kill_children()
        try:
            os.wait()
        except ChildProcessError:
            sys.exit(1)


if __name__ == "__main__":
    main()
