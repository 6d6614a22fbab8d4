"""Where ``watch --resume`` is: a small file for each network and subscription, written after each item that was shown.

An item is written out first and noted then, so that none is missed: a command that is killed between the two shows that
one item again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from cloudnode.cli.exits import CommandError
from cloudnode.cli.seen import state_directory
from cloudnode.client.places import LogPlace


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    network: str
    topic: str
    filter: dict[str, str]
    cursor: LogPlace


def default_directory(environment: Mapping[str, str]) -> Path:
    """``watch`` in the user's state directory.

    :raises CommandError: There is no home directory.
    """
    directory = state_directory(environment)
    if directory is None:
        raise CommandError("There is no HOME to note in how far a watch is: set $XDG_STATE_HOME, or use --after.")
    return directory / "watch"


class Bookmark:
    """One subscription's place, held against other commands until it is closed.

    :ivar path: The file. :ivar cursor: That of the last item that was shown; None if there was none yet.
    """

    def __init__(self, directory: Path, network: str, topic: str, wanted: Mapping[str, str]) -> None:
        """
        :param wanted: The subscription's filter.
        :raises CommandError: The file is none, or another command goes on from it now.
        """
        self._about = _File(network, topic, dict(sorted(wanted.items())), LogPlace(0, 0))
        name = sha256(msgspec.json.encode([topic, self._about.filter])).hexdigest()[:16]
        self.path = directory / f"{network[:16]}-{topic}-{name}.json"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CommandError(f"Cannot note in {directory} how far a watch is: {error.strerror}.") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.cursor = self._read()
        except BlockingIOError:
            self.close()
            raise CommandError(
                "Another 'cloudnode watch --resume' shows the same now: end it first, or watch without --resume."
            ) from None
        except CommandError:
            self.close()
            raise

    def note(self, cursor: LogPlace) -> None:
        """An item was shown.

        :raises CommandError: It can't be written.
        """
        self.cursor = cursor
        temporary = self.path.with_suffix(".new")
        try:
            temporary.write_bytes(msgspec.json.encode(msgspec.structs.replace(self._about, cursor=cursor)) + b"\n")
            temporary.replace(self.path)
        except OSError as error:
            raise CommandError(f"Cannot write {self.path}: {error.strerror}.") from None

    def close(self) -> None:
        """Let other commands go on from it."""
        os.close(self._lock)

    def _read(self) -> LogPlace | None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CommandError(f"Cannot read {self.path}: {error.strerror}.") from None
        try:
            told = msgspec.json.decode(content, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError):
            told = None
        if told is None or msgspec.structs.replace(told, cursor=self._about.cursor) != self._about:
            raise CommandError(f"{self.path} does not tell where this watch ended: remove it to begin from now on.")
        return told.cursor
