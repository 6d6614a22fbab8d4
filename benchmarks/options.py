"""What every benchmark can be told, and what it says of the machine before it begins."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("twisted", "klein", "autobahn", "aioquic", "msgspec", "PyNaCl")


def parse_options(
    description: str,
    *,
    seconds: float | None = None,
    rounds: int | None = None,
    connections: int | None = None,
    operations: int | None = None,
    nodes: int | None = None,
    validators: int | None = None,
    profile: bool = False,
) -> argparse.Namespace:
    """Read the command line and tell the machine.

    :param description: What is measured.
    :param seconds: The default of ``--seconds``, how long each target is measured in all; None where time is not set.
    :param rounds: The default of ``--rounds``; None where nothing is repeated.
    :param connections: The default of ``--connections``, where it matters.
    :param operations: The default of ``--operations``. :param nodes: The default of ``--nodes``.
    :param validators: The default of ``--validators``. :param profile: Whether there is ``--profile``.
    """
    parser = argparse.ArgumentParser(description=description)
    settings = {
        "seconds": (float, seconds, "how long each target is measured, all rounds together"),
        "rounds": (int, rounds, "how often the targets take turns; medians are told"),
        "connections": (int, connections, "how many connections are held open"),
        "operations": (int, operations, "how many operations are made"),
        "nodes": (int, nodes, "how many nodes the network has"),
        "validators": (int, validators, "how many of them are validators"),
    }
    for name, (kind, default, text) in settings.items():
        if default is not None:
            parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text} (%(default)s)")
    if profile:
        text = "a directory for what Python's profiler says of each node, for pstats; slows them down"
        parser.add_argument("--profile", type=Path, help=text)
    options = parser.parse_args()
    print(description)
    print(f"{machine()}\n", flush=True)
    return options


def machine() -> str:
    """The machine and the versions, in one line, and how busy it is."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {os.cpu_count()} cores ({_processor()}), "
        f"load {os.getloadavg()[0]:.1f}, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
