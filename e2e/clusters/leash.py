"""Start a program that cannot outlive the process that asked for it.

Run as `python leash.py PARENT_PID PROGRAM ARGUMENT…`: asks the kernel to kill this process when
its parent ends, then becomes the program. That holds also when the parent is killed with SIGKILL
and has no chance to clean up. Only the standard library, so that starting it takes milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From `linux/prctl.h`."""


def put_on(parent: int) -> None:
    """Have the kernel kill this process when its parent ends."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent ended before the leash was set")


def main() -> None:
    """Set the leash and become the program."""
    parent, program, *arguments = sys.argv[1:]
    put_on(int(parent))
    os.execvp(program, [program, *arguments])  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main()
