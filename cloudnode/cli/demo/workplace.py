"""The directory that a demo keeps its nodes in: a temporary one that is removed, or one that was named and stays."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "cloudnode-demo-"
_LOCK = "in-use"


class WorkplaceTaken(Exception):
    """Another demo uses the directory; the text is one line."""


class Workplace:
    """A directory that one demo uses.

    :ivar path: Where it is. :ivar is_kept: Whether it stays.
    """

    def __init__(self, named: Path | None, temporary: Path | None = None) -> None:
        """
        :param named: A directory that stays, made if it is missing. :param temporary: Where to make one otherwise; the
            system's place if None.
        :raises WorkplaceTaken: Another demo uses it. :raises OSError: It can't be made.
        """
        self.is_kept = named is not None
        if named is None:
            parent = Path(tempfile.gettempdir()) if temporary is None else temporary
            remove_leftovers(parent)
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        else:
            named.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path = named.absolute()
        self._lock = _take(self.path)
        if self._lock is None:
            raise WorkplaceTaken(f"Another demo uses {self.path}: name another directory with --datadir.")

    def close(self) -> None:
        """Remove the directory unless it stays. To be called when nothing uses it any more."""
        if self._lock is not None:
            if not self.is_kept:
                shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = None


def remove_leftovers(parent: Path) -> None:
    """Remove what demos of this user have left that were killed, so that they could not do it themselves."""
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.is_symlink() or path.stat().st_uid != os.getuid() or not (path / _LOCK).exists():
                continue
            lock = _take(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _take(path: Path) -> int | None:
    """Lock the directory for as long as this process lives; None if another has it."""
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
