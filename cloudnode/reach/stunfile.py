"""What a node knows of how nodes are reached, on disk: written as a whole, some time after it changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from twisted.logger import Logger

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.stundata import Protocol
from cloudnode.node.datadir import DatadirError, write_whole
from cloudnode.reach.records import RECORDS_MAX, StunRecordBook
from cloudnode.reach.sightings import NODES_MAX, OF_ONE_NODE_MAX, Place, Sightings

SAVE_SECONDS = 30.0
SOON_SECONDS = 0.5
FORMAT = 1

_Key = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$")]
_Whole = Annotated[int, Meta(ge=0, le=2**53)]


class _StoredSighting(msgspec.Struct):
    node: _Key
    protocol: Protocol
    address: str
    port: Annotated[int, Meta(ge=1, le=65_535)]
    first: _Whole
    last: _Whole


class _Stored(msgspec.Struct):
    format: int
    network: _Key
    sequence: Annotated[int, Meta(ge=0)]
    records: list[_Hex]
    seen: list[_StoredSighting]


class StunFile:
    """Keeps records, sightings and the sequence of this node's own record.

    What can't be read or written is told in the log: a node learns it all again.
    """

    _log = Logger()

    def __init__(
        self, path: Path | None, network: bytes, book: StunRecordBook, sightings: Sightings, now: float
    ) -> None:
        """Read the file, if there is one.

        :param path: None keeps nothing. :param now: Unix seconds.
        """
        self.sequence = 0
        self._path = path
        self._network = network
        self._book = book
        self._sightings = sightings
        self._due = now
        self._sequence_saved = 0
        if path is None:
            return
        try:
            self._load(path.read_bytes(), now)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._log.warn("{path} can't be used and is begun anew: {error}", path=path, error=error)

    def next_sequence(self, now: float) -> int:
        """The sequence of the next record of this node: it grows, over restarts and clocks that go back as well."""
        self.sequence = max(self.sequence + 1, int(now * 1000))
        return self.sequence

    def _load(self, content: bytes, now: float) -> None:
        stored = msgspec.json.decode(content, type=_Stored)
        if stored.format != FORMAT or bytes.fromhex(stored.network) != self._network:
            raise ValueError("it is of another network or format")
        self.sequence = self._sequence_saved = min(stored.sequence, 2**63)
        for text in stored.records[:RECORDS_MAX]:
            try:
                self._book.learn(bytes.fromhex(text), b"", now)
            except LedgerError:
                continue  # it has expired meanwhile, most likely
        for each in stored.seen[: NODES_MAX * OF_ONE_NODE_MAX]:
            place = Place(each.protocol, each.address, each.port)
            self._sightings.saw(bytes.fromhex(each.node), place, min(now, each.last), first=min(now, each.first))
        self._sightings.expire(now)

    def time_passed(self, now: float) -> None:
        """Save if something changed and the time has come: soon after the first change, later at longer intervals."""
        if now >= self._due and self._has_changed:
            self._due = now + SAVE_SECONDS
            self.save()

    def save_soon(self, now: float) -> None:
        """Something changed that should outlive a crash."""
        self._due = min(self._due, now + SOON_SECONDS)

    @property
    def _has_changed(self) -> bool:
        return self._book.changed or self._sightings.changed or self.sequence != self._sequence_saved

    def save(self) -> None:
        """Save now, if something changed."""
        if self._path is None or not self._has_changed:
            return
        self._book.changed = self._sightings.changed = False
        self._sequence_saved = self.sequence
        stored = _Stored(
            FORMAT, self._network.hex(), self.sequence, [record.encode().hex() for record in self._book],
            [
                _StoredSighting(node.hex(), *place, first=int(first), last=int(last))
                for node, place, first, last in self._sightings
            ],
        )  # fmt: skip
        try:
            write_whole(self._path, msgspec.json.encode(stored) + b"\n")
        except DatadirError as error:
            self._log.warn("The STUN data is not saved: {error}", error=error)


def make_stun_file(
    path: Path | None, network: bytes, node: bytes, wall_time: Callable[[], float]
) -> tuple[StunRecordBook, Sightings, StunFile]:
    """What was known when the node ran last, and what keeps it."""
    book, sightings = StunRecordBook(network, node), Sightings()
    return book, sightings, StunFile(path, network, book, sightings, wall_time())
