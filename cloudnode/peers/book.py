"""The address book: where nodes are, as far as this node was told, kept on disk.

It is bounded, and so is what one teller's network may write into it and what one network may stand in it, so that
nobody fills it alone. Addresses with which a link was had are kept before those that were only told. It also keeps
the bans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from random import Random

import attrs
import msgspec

from cloudnode.peers.messages import Interface, NodeAddress
from cloudnode.peers.places import place_group, reach, read_address

ADDRESSES_MAX = 2_000
OF_ONE_GROUP_MAX = 64
OF_ONE_TELLER_MAX = 256

BACKOFF_SECONDS = 2.0
BACKOFF_MAX = 600.0
JOINED_BACKOFF_MAX = 30.0
FORGET_FAILURES = 12
DAY = 86_400

BAN_SECONDS = 60.0
BAN_GROWTH = 4
BAN_MAX = 7.0 * DAY
BANS_MAX = 1_000


@attrs.define
class Entry:
    """A place where a node is said to be.

    :ivar node: Its key; empty if that is not known. :ivar seen: When a link with it was had, unix seconds, or 0.
    :ivar tried: When it was dialled last. :ivar failures: In a row. :ivar teller: The network of who told it.
    :ivar joined: Whether the operator named it.
    :ivar group: The network that the place is in.
    """

    host: str
    port: int
    node: bytes = b""
    interfaces: tuple[Interface, ...] = ()
    seen: float = 0.0
    tried: float = 0.0
    next_try: float = 0.0
    failures: int = 0
    teller: str = ""
    joined: bool = False
    group: str = attrs.field(init=False, default=attrs.Factory(lambda entry: place_group(entry.host), takes_self=True))

    @property
    def place(self) -> tuple[str, int]:
        """What it is found by."""
        return self.host, self.port


@attrs.define
class Ban:
    """Whom this node has no link with until then, the how manieth time, and why."""

    until: float
    count: int
    fault: str


class _StoredAddress(msgspec.Struct, omit_defaults=True):
    host: str
    port: int
    node: str = ""
    seen: int = 0
    failures: int = 0
    teller: str = ""
    interfaces: tuple[Interface, ...] = ()


class _StoredBan(msgspec.Struct):
    whom: str
    until: int
    count: int
    fault: str


class _Stored(msgspec.Struct):
    format: int
    network: str
    addresses: list[_StoredAddress]
    bans: list[_StoredBan]


class AddressBook:
    """Addresses and bans. Times are unix seconds.

    :ivar changed: Whether there is something to save.
    """

    def __init__(self, random: Random) -> None:
        self.changed = False
        self._random = random
        self._entries: dict[tuple[str, int], Entry] = {}
        self._bans: dict[str, Ban] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    # Addresses

    def join(self, host: str, port: int, node: bytes | None) -> None:
        """Note what the operator named."""
        entry = self._entries.setdefault((host, port), Entry(host, port))
        entry.joined = True
        entry.node = node or entry.node
        entry.next_try = 0.0

    def learn(self, address: NodeAddress, teller: str) -> bool:
        """Take an address that somebody at ``teller`` (an IP address) told; False if there is no room for it."""
        place = (address.host, address.port)
        known = self._entries.get(place)
        group = place_group(teller)
        if known is not None:
            if not known.node or known.node == address.node:
                known.node = address.node
                known.interfaces = address.interfaces or known.interfaces
            return True
        if reach(address.host):
            own = place_group(address.host)
            if sum(entry.group == own for entry in self._entries.values()) >= OF_ONE_GROUP_MAX:
                return False
        if sum(entry.teller == group for entry in self._entries.values()) >= OF_ONE_TELLER_MAX:
            return False
        self._entries[place] = Entry(address.host, address.port, address.node, address.interfaces, teller=group)
        self.changed = True
        self._make_room()
        return True

    def succeeded(self, place: tuple[str, int], node: bytes, now: float) -> None:
        """A link with a node at a place was had."""
        entry = self._entries.setdefault(place, Entry(*place))
        entry.node, entry.seen, entry.failures, entry.next_try = node, now, 0, 0.0
        self.changed = True
        self._make_room()

    def failed(self, place: tuple[str, int], now: float) -> None:
        """A place could not be reached, or is not what it should be: try it later, each time later than before."""
        entry = self._entries.get(place)
        if entry is None:
            return
        entry.failures += 1
        longest = JOINED_BACKOFF_MAX if entry.joined else BACKOFF_MAX
        delay = min(BACKOFF_SECONDS * 2 ** min(entry.failures - 1, 20), longest)
        entry.next_try = now + delay * (0.5 + self._random.random())
        self.changed = True
        long_ago = now - entry.seen > 7 * DAY
        if entry.failures >= FORGET_FAILURES and long_ago and not entry.joined:
            del self._entries[place]

    def forget(self, place: tuple[str, int]) -> None:
        """Remove a place (it is this node's own)."""
        self.changed |= self._entries.pop(place, None) is not None

    def choose(self, now: float, linked: Collection[bytes], busy: Collection[tuple[str, int]],
               groups: Counter[str]) -> Entry | None:  # fmt: skip
        """The place to dial next, or None.

        Those in networks of which there are the fewest links come first, among them any, but one that was seen before
        one that was only told.

        :param linked: Nodes that there are links with. :param busy: Places that are being dialled.
        :param groups: How many links there are with each network (:func:`place_group`).
        """
        due = [
            entry
            for entry in self._entries.values()
            if entry.next_try <= now
            and entry.place not in busy
            and entry.node not in linked
            and not self.is_banned(entry.node, entry.host, now)
        ]
        if not due:
            return None
        chosen = min(
            due,
            key=lambda entry: (
                not entry.joined,
                groups[entry.group],
                not entry.seen,
                self._random.random(),
            ),
        )
        chosen.tried = now
        return chosen

    def tell(self, most: int, now: float) -> list[NodeAddress]:
        """Addresses for others: those that were seen in the last days, in any order."""
        known = [entry for entry in self._entries.values() if entry.node and read_address(entry.host) is not None]
        known = [entry for entry in known if entry.seen > now - 14 * DAY and not self.is_banned(entry.node, "", now)]
        chosen = self._random.sample(known, min(most, len(known)))
        return [NodeAddress(each.node, each.host, each.port, int(each.seen), each.interfaces) for each in chosen]

    def _make_room(self) -> None:
        if len(self._entries) <= ADDRESSES_MAX:
            return
        unloved = [entry for entry in self._entries.values() if not entry.joined]
        worst = min(unloved, key=lambda entry: (entry.seen, -entry.failures, self._random.random()))
        del self._entries[worst.place]

    # Bans

    def ban(self, whom: str, fault: str, now: float) -> float:
        """Have no link with a node (its key in hex) or an IP address for a while.

        :return: For how many seconds; each time for longer.
        """
        before = self._bans.pop(whom, None)
        count = before.count + 1 if before is not None else 1
        seconds = min(BAN_SECONDS * float(BAN_GROWTH) ** min(count - 1, 20), BAN_MAX)
        self._bans[whom] = Ban(now + seconds, count, fault)
        if len(self._bans) > BANS_MAX:
            del self._bans[next(iter(self._bans))]
        self.changed = True
        return seconds

    def is_banned(self, node: bytes, host: str, now: float) -> bool:
        """Whether a node or an address is banned now."""
        bans = (self._bans.get(node.hex()) if node else None, self._bans.get(host))
        return any(ban is not None and ban.until > now for ban in bans)

    def bans(self, now: float) -> dict[str, Ban]:
        """All bans that hold now."""
        return {whom: ban for whom, ban in self._bans.items() if ban.until > now}

    def ban_count(self, node: bytes) -> int:
        """How often a node was banned."""
        ban = self._bans.get(node.hex())
        return 0 if ban is None else ban.count

    # The file

    def dump(self, network: bytes) -> bytes:
        """The file's content."""
        addresses = [
            _StoredAddress(each.host, each.port, each.node.hex(), int(each.seen), each.failures, each.teller,
                           each.interfaces)
            for each in self._entries.values()
            if each.seen or not each.joined
        ]  # fmt: skip
        bans = [_StoredBan(whom, int(ban.until), ban.count, ban.fault) for whom, ban in self._bans.items()]
        stored = _Stored(1, network.hex(), addresses, bans)
        return msgspec.json.format(msgspec.json.encode(stored), indent=1) + b"\n"

    def load(self, content: bytes, network: bytes) -> None:
        """Take over a file's content.

        :raises ValueError: It is not one of this network.
        """
        stored = msgspec.json.decode(content, type=_Stored)
        if stored.format != 1 or stored.network != network.hex():
            raise ValueError("it is of another network or format")
        for each in stored.addresses[:ADDRESSES_MAX]:
            entry = Entry(each.host, each.port, bytes.fromhex(each.node), each.interfaces, each.seen,
                          failures=each.failures, teller=each.teller)  # fmt: skip
            self._entries[entry.place] = entry
        for ban in stored.bans[:BANS_MAX]:
            self._bans[ban.whom] = Ban(ban.until, ban.count, ban.fault)
