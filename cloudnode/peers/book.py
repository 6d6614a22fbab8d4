"""The address book: where nodes are, as far as this node was told, and the bans.

It is bounded, and so is what one teller's network may write into it and what one network may stand in it, so that
nobody fills it alone. Addresses with which a link was had are kept before those that were only told. All times are of
a clock that never goes back, so that setting the machine's clock neither wakes nor delays nor forgets anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from random import Random
from types import MappingProxyType

from cloudnode.peers.bans import DAY, Bans
from cloudnode.peers.choosing import choose_for_feeler, choose_for_link, choose_to_forget
from cloudnode.peers.entries import Entry, Way, transport_at
from cloudnode.peers.known import KnownNodes
from cloudnode.peers.messages import NodeAddress
from cloudnode.peers.places import LinkTransport, place_group, reach, read_address

ADDRESSES_MAX = 2_000
OF_ONE_GROUP_MAX = 64
OF_ONE_TELLER_MAX = 256
OF_ONE_VALIDATOR_MAX = 4
"""So many places may be told to be the same validator's."""

BACKOFF_SECONDS = 2.0
BACKOFF_MAX = 600.0
JOINED_BACKOFF_MAX = 30.0
FORGET_FAILURES = 12

Place = tuple[str, int]


class AddressBook:
    """Addresses and bans.

    :ivar bans: Whom this node has no link with. :ivar known: Nodes that links held with.
    :ivar changed: Whether there is something to save.
    """

    def __init__(self, random: Random) -> None:
        self.changed = False
        self.bans = Bans()
        self.known = KnownNodes()
        self._random = random
        self._entries: dict[Place, Entry] = {}
        self._in_group: Counter[str] = Counter()
        self._of_teller: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def join(self, host: str, port: int, node: bytes | None, transport: LinkTransport = "ws") -> None:
        """Note what the operator named."""
        entry = self._entries.get((host, port)) or self.restore(Entry(host, port, transport))
        entry.joined = True
        entry.transport = transport
        entry.node, entry.is_named = node or entry.node, node is not None
        entry.next_try = float("-inf")

    def learn(self, address: NodeAddress, teller: str, *, is_its_own: bool = False) -> bool:
        """Take an address that somebody at ``teller`` (an IP address) told; False if there is no room for it.

        Which node is there is not taken from others: whoever tells of a place first, with a key that he made up, would
        keep this node from whoever truly is there.

        :param is_its_own: The node tells it of itself, on a link from that very address.
        """
        known = self._entries.get((address.host, address.port))
        if known is not None:
            if known.node in (b"", address.node):
                self._note_told(known, address, is_its_own)
            return True
        group = place_group(teller)
        if reach(address.host) and self._in_group[place_group(address.host)] >= OF_ONE_GROUP_MAX:
            return False
        if self._of_teller[group] >= OF_ONE_TELLER_MAX:
            return False
        entry = Entry(address.host, address.port, transport_at(address), teller=group)
        self.restore(entry)
        self._note_told(entry, address, is_its_own)
        self.changed = True
        return True

    def _note_told(self, entry: Entry, address: NodeAddress, is_its_own: bool) -> None:
        if is_its_own:
            entry.said = address.node
        # What a node says of itself is not overruled by others, unless it does not lead there any more.
        if address.interfaces and (is_its_own or not entry.owner or entry.failures):
            entry.interfaces = address.interfaces
        self._hint(entry, address.validator)

    def restore(self, entry: Entry) -> Entry:
        """Take over an entry as it is."""
        self._remove(entry.place)
        self._entries[entry.place] = entry
        self._in_group[entry.group] += 1
        self._of_teller[entry.teller] += 1
        self._make_room(entry)
        return entry

    def _remove(self, place: Place) -> bool:
        entry = self._entries.pop(place, None)
        if entry is None:
            return False
        for counted, name in ((self._in_group, entry.group), (self._of_teller, entry.teller)):
            counted[name] -= 1
            if not counted[name]:
                del counted[name]
        return True

    def succeeded(self, place: Place, node: bytes, now: float, way: Way | None = None) -> None:
        """A link with a node at a place was had."""
        entry = self._entries.get(place)
        if entry is None:
            entry = self.restore(Entry(*place, transport=way[0] if way else "ws"))
        if entry.owner not in (b"", node):
            entry.validator, entry.is_proven_validator = b"", False
        entry.node, entry.seen, entry.failures, entry.next_try = node, now, 0, float("-inf")
        entry.last_way = way or entry.last_way
        self.changed = True

    def failed(self, place: Place, now: float, way: Way | None = None) -> None:
        """A place could not be reached, or is not what it should be: try it later, each time later than before.

        :param way: What led there but to no link: the other one is tried first next time.
        """
        entry = self._entries.get(place)
        if entry is None:
            return
        if way is not None:
            entry.last_way = next((each for each in entry.ways if each != way), None)
        entry.failures += 1
        longest = JOINED_BACKOFF_MAX if entry.joined else BACKOFF_MAX
        delay = min(BACKOFF_SECONDS * 2 ** min(entry.failures - 1, 20), longest)
        entry.next_try = now + delay * (0.5 + self._random.random())
        self.changed = True
        long_ago = entry.seen is None or now - entry.seen > 7 * DAY
        if entry.failures >= FORGET_FAILURES and long_ago and not entry.joined:
            self._remove(place)

    def is_other(self, place: Place, now: float, way: Way | None = None) -> None:
        """Another node than the one that was known there answered: unless the operator wrote its key, what was known
        counts no longer, and whoever proves itself there is taken at the next try, which is soon."""
        entry = self._entries.get(place)
        if entry is None or entry.is_named:
            self.failed(place, now, way)
            return
        entry.node = entry.said = entry.validator = b""
        entry.seen, entry.is_anchor, entry.is_proven_validator = None, False, False
        entry.failures, entry.next_try = 0, now + BACKOFF_SECONDS
        self.changed = True

    def forget(self, place: Place) -> None:
        """Remove a place (it is this node's own)."""
        self.changed |= self._remove(place)

    # Choices

    def choose(
        self, now: float, linked: Collection[bytes], busy: Collection[Place], groups: Counter[str], *,
        feels: bool = False,
    ) -> Entry | None:  # fmt: skip
        """The place to dial next, or None.

        :param linked: Nodes that there are links with. :param busy: Places that are being dialled.
        :param groups: How many links there are with each network. :param feels: To see who is there, and no more.
        """
        choose = choose_for_feeler if feels else choose_for_link
        return choose(self._due(now, linked, busy), groups, self._random)

    def choose_validator(
        self, now: float, wanted: Collection[bytes], linked: Collection[bytes], busy: Collection[Place]
    ) -> Entry | None:
        """A place where one of these validators is, one that has proven it rather than one that is only said to be."""
        due = [entry for entry in self._due(now, linked, busy) if entry.validator in wanted]
        return min(due, key=lambda entry: (not entry.is_proven_validator, self._random.random()), default=None)

    def _due(self, now: float, linked: Collection[bytes], busy: Collection[Place]) -> Iterable[Entry]:
        return (
            entry
            for entry in self._entries.values()
            if entry.next_try <= now
            and entry.place not in busy
            and (not entry.owner or entry.owner not in linked)
            # Who others of its address are says nothing of a node that has to prove a key there, or that is named.
            and not self.bans.includes(entry.owner, "" if entry.node or entry.joined else entry.host, now)
        )

    def tell(
        self, most: int, now: float, wall_offset: float, linked: Mapping[bytes, str] = MappingProxyType({})
    ) -> list[NodeAddress]:
        """Addresses for others: those that were seen in the last days, in any order.

        :param wall_offset: Unix seconds less those of ``now``'s clock.
        :param linked: Nodes that have a link with this one, and from which address. They say themselves where they can
            be reached, and are told for that address alone.
        """
        known = [
            entry
            for entry in self._entries.values()
            if entry.owner
            and (_is_recent(entry, now) or linked.get(entry.owner) == entry.host)
            and read_address(entry.host) is not None
            and not self.bans.includes(entry.owner, "", now)
        ]
        return [
            NodeAddress(
                each.owner, each.host, each.port, max(0, int((each.seen or now) + wall_offset)), each.interfaces,
                each.validator if each.is_proven_validator else b"",
            )
            for each in self._random.sample(known, min(most, len(known)))
        ]  # fmt: skip

    # Marks

    def keep_anchors(self, places: Collection[Place]) -> None:
        """These are the places to be dialled first after a restart, and no others."""
        for entry in self._entries.values():
            is_anchor = entry.place in places
            self.changed |= entry.is_anchor != is_anchor
            entry.is_anchor = is_anchor

    def is_validator(self, node: bytes, key: bytes) -> None:
        """A node has proven on a link that it has a validator's key, or (an empty key) that it has none any more."""
        for entry in self._entries.values():
            if entry.owner == node:
                self.changed |= entry.validator != key or not entry.is_proven_validator
                entry.validator, entry.is_proven_validator = key, bool(key)
            elif key and entry.validator == key:
                # A validator runs on one node: whoever else had the name has it no longer.
                entry.validator, entry.is_proven_validator = b"", False

    def keep_validators(self, keys: Collection[bytes]) -> None:
        """These are the validators, and no others: whatever has another's key is a place like any."""
        for entry in self._entries.values():
            if entry.validator and entry.validator not in keys:
                self.changed = True
                entry.validator, entry.is_proven_validator = b"", False

    def validators_hosts(self) -> set[str]:
        """The addresses where validators have proven themselves."""
        return {entry.host for entry in self._entries.values() if entry.is_proven_validator}

    def exempt_hosts(self) -> set[str]:
        """Addresses that are not banned: of what the operator named, and where validators proved themselves."""
        named = {entry.node for entry in self._entries.values() if entry.joined and entry.node}
        return self.validators_hosts() | {
            entry.host for entry in self._entries.values() if entry.joined or entry.node in named
        }

    def _hint(self, entry: Entry, key: bytes) -> None:
        """Somebody says that a place is a validator's; whoever has proven something is not overruled."""
        if not key or entry.validator:
            return
        if sum(each.validator == key for each in self._entries.values()) < OF_ONE_VALIDATOR_MAX:
            entry.validator = key

    def _make_room(self, newest: Entry) -> None:
        while len(self._entries) > ADDRESSES_MAX:
            worst = choose_to_forget((entry for entry in self._entries.values() if entry is not newest), self._random)
            self._remove((worst or newest).place)


def _is_recent(entry: Entry, now: float) -> bool:
    return entry.seen is not None and entry.seen > now - 14 * DAY
