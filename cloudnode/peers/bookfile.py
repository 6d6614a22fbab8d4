"""The address book on disk: written as a whole, some time after it changed.

In memory all times are of a clock that never goes back; on disk they are unix seconds, made of the machine's clock when
the file is written. A clock that is set while the node runs therefore changes nothing, and one that was set between two
runs no more than this: nothing is seen in the future, and no ban is longer than it ever was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from twisted.logger import Logger

from cloudnode.node.datadir import DatadirError, write_whole
from cloudnode.peers.bans import BANS_MAX, Ban, ban_seconds
from cloudnode.peers.book import ADDRESSES_MAX, AddressBook
from cloudnode.peers.entries import Entry
from cloudnode.peers.known import KNOWN_MAX
from cloudnode.peers.messages import Host, Interface, Port
from cloudnode.peers.places import LinkTransport

SAVE_SECONDS = 30.0
SOON_SECONDS = 0.5
FORMAT = 1

_Key = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
_Whole = Annotated[int, Meta(ge=0, le=2**53)]


class _StoredAddress(msgspec.Struct, omit_defaults=True):
    host: Host
    port: Port
    transport: LinkTransport = "ws"
    node: _Key = ""
    seen: _Whole = 0
    failures: _Whole = 0
    teller: str = ""
    interfaces: tuple[Interface, ...] = ()
    last_way: tuple[LinkTransport, Port] | None = None
    anchor: bool = False
    validator: _Key = ""
    proven: bool = False


class _StoredBan(msgspec.Struct):
    whom: str
    until: _Whole
    count: Annotated[int, Meta(ge=1, le=2**31)]
    fault: str


class _StoredKnown(msgspec.Struct):
    node: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    address: Host


class _Stored(msgspec.Struct):
    format: int
    network: str
    addresses: list[_StoredAddress]
    bans: list[_StoredBan]
    known: list[_StoredKnown] = []


def dump_book(book: AddressBook, network: bytes, wall_offset: float) -> bytes:
    """The file's content.

    :param wall_offset: Unix seconds less those of the book's clock.
    """

    def unix(time: float | None) -> int:
        return 0 if time is None else max(1, int(time + wall_offset))

    addresses = [
        _StoredAddress(
            each.host, each.port, each.transport, each.node.hex(), unix(each.seen), each.failures,
            each.teller, each.interfaces, each.last_way, each.is_anchor, each.validator.hex(),
            each.is_proven_validator,
        )
        for each in book
        if each.seen is not None or not each.joined
    ]  # fmt: skip
    bans = [_StoredBan(whom, unix(ban.until), ban.count, ban.fault) for whom, ban in book.bans]
    known = [_StoredKnown(node.hex(), address) for node, address in book.known]
    stored = _Stored(FORMAT, network.hex(), addresses, bans, known)
    return msgspec.json.format(msgspec.json.encode(stored), indent=1) + b"\n"


def load_book(book: AddressBook, content: bytes, network: bytes, now: float, wall_offset: float) -> None:
    """Take over a file's content.

    :param now: Of the book's clock. :param wall_offset: As above.
    :raises ValueError: It is not one of this network.
    """
    stored = msgspec.json.decode(content, type=_Stored)
    if stored.format != FORMAT or stored.network != network.hex():
        raise ValueError("it is of another network or format")

    def known(unix: int) -> float | None:
        return min(now, unix - wall_offset) if unix else None

    for each in stored.addresses[:ADDRESSES_MAX]:
        book.restore(
            Entry(
                each.host, each.port, each.transport, bytes.fromhex(each.node) if each.seen else b"",
                interfaces=each.interfaces, last_way=each.last_way, seen=known(each.seen),
                failures=each.failures, teller=each.teller, is_anchor=each.anchor,
                validator=bytes.fromhex(each.validator), is_proven_validator=each.proven,
            )
        )  # fmt: skip
    for ban in stored.bans[:BANS_MAX]:
        until = min(ban.until - wall_offset, now + ban_seconds(ban.count))
        book.bans.restore(ban.whom, Ban(until, ban.count, ban.fault))
    for node in stored.known[:KNOWN_MAX]:
        book.known.held(bytes.fromhex(node.node), node.address)


class BookFile:
    """Keeps an address book. What can't be read or written is told in the log: a node can do without."""

    _log = Logger()

    def __init__(
        self, path: Path | None, book: AddressBook, network: bytes, now: float, wall_time: Callable[[], float]
    ) -> None:
        """Read the file, if there is one.

        :param path: None keeps nothing. :param now: Seconds, of the book's clock, which later calls tell.
        :param wall_time: Unix seconds.
        """
        self._path = path
        self._book = book
        self._network = network
        self._wall_time = wall_time
        self._due = now
        if path is None:
            return
        try:
            load_book(book, path.read_bytes(), network, now, wall_time() - now)
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
            self.save(now)

    def save(self, now: float) -> None:
        """Save it now if it changed."""
        if self._path is None or not self._book.changed:
            return
        self._book.changed = False
        try:
            write_whole(self._path, dump_book(self._book, self._network, self._wall_time() - now))
        except DatadirError as error:
            self._log.warn("The address book is not saved: {error}", error=error)
