"""The address book on disk: written as a whole, some time after it changed."""

from __future__ import annotations

from pathlib import Path

from twisted.logger import Logger

from cloudnode.node.datadir import DatadirError, write_whole
from cloudnode.peers.book import AddressBook

SAVE_SECONDS = 30.0
SOON_SECONDS = 0.5


class BookFile:
    """Keeps an address book. What can't be read or written is told in the log: a node can do without."""

    _log = Logger()

    def __init__(self, path: Path | None, book: AddressBook, network: bytes, now: float) -> None:
        """Read the file, if there is one.

        :param path: None keeps nothing. :param now: Seconds, of the clock that later calls tell.
        """
        self._path = path
        self._book = book
        self._network = network
        self._due = now
        if path is None:
            return
        try:
            book.load(path.read_bytes(), network)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._log.warn("{path} can't be used and is begun anew: {error}", path=path, error=error)

    def save_soon(self, now: float) -> None:
        """Something changed that should outlive a crash."""
        self._due = min(self._due, now + SOON_SECONDS)

    def time_passed(self, now: float) -> None:
        """Save it if it changed and the time has come."""
        if now >= self._due and self._book.changed:
            self._due = now + SAVE_SECONDS
            self.save()

    def save(self) -> None:
        """Save it now if it changed."""
        if self._path is None or not self._book.changed:
            return
        self._book.changed = False
        try:
            write_whole(self._path, self._book.dump(self._network))
        except DatadirError as error:
            self._log.warn("The address book is not saved: {error}", error=error)
