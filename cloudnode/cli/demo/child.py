"""Runs ``twistd`` in such a way that it does not outlive the process that started it.

``python -m cloudnode.cli.demo.child PARENT ARGUMENTS...`` becomes ``twistd ARGUMENTS...``. When the process PARENT
ends, in whatever way, the kernel kills this one (prctl(2), ``PR_SET_PDEATHSIG``), even if it is stopped. It leads a
session of its own, so that Ctrl-C in the terminal is its parent's alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def bind_to_parent(parent: int) -> None:
    """Die when the parent does; at once if it is dead already.

    :raises OSError: The kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Become ``twistd``."""
    bind_to_parent(int(sys.argv[1]))
    os.setsid()
    sys.argv = ["twistd", *sys.argv[2:]]

    from twisted.scripts.twistd import run

    run()


if __name__ == "__main__":
    main()
