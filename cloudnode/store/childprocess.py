"""Processes of this program that do a part of its work, with a Python lock of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])


def start_module(name: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Run a module of ours, with pipes for its input and its output.

    It is in a session of its own, so that Ctrl-C is this process's to deal with alone. It takes no module from the
    working directory, which Python would look into first (``-P``), and which an empty part of the path means as well.

    :raises OSError: There is no memory or no file handle for it.
    """
    path = [_ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", name, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        start_new_session=True,
    )
