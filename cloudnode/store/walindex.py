"""How long the write-ahead log is, from SQLite's index of it (https://www.sqlite.org/walformat.html, section 2.2).

The log's own file does not tell: it keeps its size when the log begins anew.

The index is opened once and closed after the last of this process's connections, never before: to close *any*
descriptor of a file gives up all locks that the process has on it (https://www.sqlite.org/howtocorrupt.html, section
2.2). Another process that opened the database then, an audit, would take the index for abandoned and cut it off, while
this one has it in memory: it dies of a bus error at best.
"""

from __future__ import annotations

import os
import sys

_FRAMES_OFFSET = 16


class WalIndex:
    """Reads the index of one database, as long as that is open."""

    def __init__(self, path: str) -> None:
        """:param path: Of the database."""
        self._path = f"{path}-shm"
        self._descriptor: int | None = None

    def frames(self) -> int:
        """The pages in the log; 0 if there is no log."""
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            return int.from_bytes(os.pread(self._descriptor, 4, _FRAMES_OFFSET), sys.byteorder)
        except OSError:
            return 0

    def close(self) -> None:
        """Close it, once no connection of this process is open any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
