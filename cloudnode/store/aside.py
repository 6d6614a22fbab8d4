"""Putting a database that can't be used aside, so that another one can be made in its place."""

from __future__ import annotations

import contextlib
import os
import time

from cloudnode.store.damage import write_damage


def aside_path(path: str, now: float) -> str:
    """Where a damaged database is put.

    :param now: Unix seconds.
    """
    return f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"


def set_aside(path: str, now: float) -> str:
    """Rename a database that nobody has open, with its write-ahead log, and forget what was known to be wrong with it.

    :param now: Unix seconds.
    :return: Its new path.
    :raises OSError: The directory can't be written.
    """
    target = aside_path(path, now)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(path + suffix, target + suffix)
    os.replace(path, target)
    write_damage(path, ())
    return target
