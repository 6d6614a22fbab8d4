"""The operating system's calls on files, as a module under test sees them: each can be watched, refused or undone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

Watcher = Callable[[str, str, Callable[[], Any]], Any]
"""Is told a call's name and the path it is about, and performs it, or not."""

def path_of(descriptor: int) -> str:
    """The path of an open file."""
    return os.readlink(f"/proc/self/fd/{descriptor}")


class FaultyOs:
    """Stands for the module ``os``, of which some calls go through a watcher.

    :ivar most: Says of so many bytes how many ``pwrite`` writes.
    """

    def __init__(self, watch: Watcher) -> None:
        self.most: Callable[[int], int] = lambda size: size
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def ftruncate(self, descriptor: int, length: int) -> None:
        self._watch("ftruncate", path_of(descriptor), lambda: os.ftruncate(descriptor, length))

    def pwrite(self, descriptor: int, content: memoryview, offset: int) -> int:
        def write() -> int:
            return os.pwrite(descriptor, content[: self.most(len(content))], offset)

        written: int = self._watch("pwrite", path_of(descriptor), write)
        return written

    def fsync(self, descriptor: int) -> None:
        self._watch("fsync", path_of(descriptor), lambda: os.fsync(descriptor))

    def rename(self, source: Any, target: Any) -> None:
        self._watch("rename", os.path.abspath(target), lambda: os.rename(source, target))
