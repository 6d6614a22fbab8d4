"""What commands leave for later ones: files in the user's state directory.

Besides the places of ``watch --resume`` (:mod:`cloudnode.cli.bookmark`) that is the newest height of each network that
a command has shown: no later command shows what is older, whichever node it asks. So what one writes, the next reads.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

HEIGHT_MAX = 2**53 - 1


def state_directory(environment: Mapping[str, str]) -> Path | None:
    """``cloudnode`` in ``$XDG_STATE_HOME`` or ``~/.local/state``; None if there is no home."""
    base = environment.get("XDG_STATE_HOME", "")
    # The specification of XDG base directories wants relative paths ignored.
    if not os.path.isabs(base):
        home = environment.get("HOME")
        if not home:
            return None
        base = os.path.join(home, ".local", "state")
    return Path(base) / "cloudnode"


class SeenHeights:
    """The newest height seen of each network. Where nothing can be kept, nothing is remembered."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        directory = state_directory(environment)
        self._directory = None if directory is None else directory / "heights"

    def find(self, network: str) -> int:
        """The newest height that was seen of a network; 0 if none is known."""
        if self._directory is None:
            return 0
        try:
            return _read((self._directory / network).read_bytes())
        except OSError:
            return 0

    def note(self, network: str, height: int) -> None:
        """A height was seen, which was checked to be true."""
        if self._directory is None or not 0 < height <= HEIGHT_MAX:
            return
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._directory / network, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # of two commands that end at once the higher one counts
                if _read(file.read()) < height:
                    # One write of always as many bytes: what is there is the old number or the new one.
                    os.pwrite(file.fileno(), b"%016d\n" % height, 0)


def _read(text: bytes) -> int:
    """The height in a file; 0 if it holds something else, as one that is not written yet."""
    digits = text[:16]
    return int(digits) if len(digits) == 16 and digits.isdigit() else 0
