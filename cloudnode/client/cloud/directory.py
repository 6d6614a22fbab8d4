"""What is known of the nodes: where they are, how fast and fresh they answer, and whether they lied. Pure.

Theory of operation. An entry is a place, that is one URL: a node that serves three transports has three. Places fail
one by one, and which node is behind one is only its own word until it has signed something. Nothing that a node says of
another is believed: places learned from nodes are tried like any other, and only so many of each teller are kept.

Places are ranked by what was seen of them: those that answered last before those that failed, those that keep up
before those that lag, those that kept their promises before those that did not, then by latency. Each directory has its
own taste, up to a half more than measured, so that the clients of nodes that are equally near spread over them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator
from re import fullmatch
from typing import Any

import attrs

from cloudnode.client.address import AddressInvalid, NodeAddress, parse_url

PLACES_MAX = 256
"""Places that are kept at most; seeds always are."""

TOLD_MAX = 32
"""Places that are learned from one node's answer."""

INTERFACES_MAX = 8
"""Interfaces that are learned of one node."""

HOST = "[0-9A-Za-z.:-]{1,253}"
"""A host that is learned."""

BY_KEY = "node:"
"""What the URL of a node begins with that is named by its key."""

LAG = 5
"""Heights that a node may be behind the newest one and still count as fresh."""

FIRST_PENALTY, LONGEST_PENALTY = 0.5, 60.0
"""Seconds for which a place that failed comes last; doubled with each failure in a row."""

FAVOUR = 3.0
"""How many times as fast another place has to be for a connection to be given up for it."""

TEXT_MAX = 512
"""Characters that are kept of what a node told, or did."""

_UNKNOWN_LATENCY = 0.1
_LEAST_LATENCY = 0.005
_WEIGHT = 0.2


@attrs.define(eq=False)
class Place:
    """Where a node can be asked.

    :ivar url: As given or learned. :ivar is_seed: Whether the caller named it. :ivar node: The key of the node there in
        hex, as it says; empty if it was not asked yet. :ivar signer: The key that an answer from there was signed with;
        empty if none was yet. :ivar latency: Seconds to an answer and back, averaged; None if
        not measured.
    :ivar height: The newest height that it told. :ivar behind: How many heights that was below the newest known then.
    :ivar failures: In a row. :ivar retry_at: Until then it comes last, in seconds of the caller's clock.
    :ivar unanswered: The same two of each method that it was asked in vain, while it may answer others.
    :ivar lie: What it told that is not so; None as long as nothing was. :ivar trouble: What its last failure was.
    :ivar needs_help: Whether it was learned of and can only be reached through another node: it is the last that is
        tried.
    :ivar suspicions: How often its node took an operation that the log did not get. :ivar lied_at: When its lie was
        saved first, in unix seconds.
    """

    url: str
    is_seed: bool = False
    node: str = ""
    signer: str = ""
    latency: float | None = None
    height: int = 0
    behind: int = 0
    failures: int = 0
    retry_at: float = 0.0
    lie: str | None = None
    trouble: str = ""
    suspicions: int = 0
    lied_at: float = 0.0
    needs_help: bool = False
    taste: float = 1.0
    unanswered: dict[str, tuple[int, float]] = attrs.field(factory=dict, repr=False)

    @property
    def rests_until(self) -> float:
        """Until then it comes last, for whatever reason."""
        return max((self.retry_at, *(until for _, until in self.unanswered.values())))

    @property
    def keeps_connection(self) -> bool:
        """Whether subscriptions are possible there."""
        return not self.url.startswith("http")

    @property
    def is_by_key(self) -> bool:
        """Whether it is a node named by its key, reached through another one."""
        return self.url.startswith(BY_KEY)

    @property
    def is_stale(self) -> bool:
        """Whether it lags."""
        return self.behind > LAG


def read_place(url: str) -> str:
    """A place's URL in its one form.

    :param url: As :func:`parse_url` takes it, or ``node:`` with a node's key, 64 hex digits.
    :raises AddressInvalid: It is neither.
    """
    if not url.startswith(BY_KEY):
        return str(parse_url(url))
    key = url.removeprefix(BY_KEY)
    if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
        raise AddressInvalid(f"{url!r} names no node: give node: with its key, 64 lower-case hex digits.")
    return url


class Directory:
    """The places, by URL."""

    def __init__(self, seeds: Iterable[str], random_fraction: Callable[[], float] = random.random) -> None:
        """:raises AddressInvalid: A seed is no URL of a node."""
        self._random = random_fraction
        self._places: dict[str, Place] = {}
        for url in seeds:
            self.learn(read_place(url), is_seed=True)

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._places.values()))

    def __len__(self) -> int:
        return len(self._places)

    def find(self, url: str) -> Place | None:
        """A place by its URL."""
        return self._places.get(url)

    def learn(self, url: str, *, is_seed: bool = False) -> Place | None:
        """Take a place up; None if there is room for no more."""
        place = self._places.get(url)
        if place is None:
            if not is_seed and len(self._places) >= PLACES_MAX and not self._make_room():
                return None
            place = self._places[url] = Place(url, is_seed, taste=1 + self._random() / 2)
        return place

    def _make_room(self) -> bool:
        """Forget a learned place that fails; if none does, the liar that was learned first: else who tells of enough
        places that lie leaves room for none that is good.
        """
        learned = [each for each in self if not each.is_seed]
        failing = [each for each in learned if each.failures and each.lie is None]
        liars = [each for each in learned if each.lie is not None]
        if failing:
            del self._places[max(failing, key=lambda place: place.failures).url]
        elif liars:
            del self._places[liars[0].url]
        return bool(failing or liars)

    # What nodes tell

    def told_info(self, place: Place, info: Any) -> None:
        """Take in a node's ``getnodeinfo``, whatever it is: who it is, and its other interfaces.

        Its height counts when it is known to be true: :meth:`told_height`.
        """
        if not isinstance(info, dict):
            return
        node = info.get("node")
        place.node = node if isinstance(node, str) and fullmatch("[0-9a-f]{64}", node) else ""
        if place.is_by_key:
            return  # what it listens on is behind its NAT
        self._told_interfaces(parse_url(place.url).host, info.get("interfaces"), place, INTERFACES_MAX)

    def told_peers(self, place: Place, peers: Any) -> None:
        """Take in a node's ``getpeerinfo``: where its peers say that they can be asked."""
        left = TOLD_MAX
        for peer in peers[:TOLD_MAX] if isinstance(peers, list) else ():
            if isinstance(peer, dict) and isinstance(peer.get("addr"), str):
                host = peer["addr"].rpartition(":")[0].strip("[]")
                if host:
                    left -= self._told_interfaces(host, peer.get("interfaces"), None, left)

    def told_node(self, node: str, *, needs_help: bool) -> None:
        """Take up a node behind a NAT by its key, unless it was reached in another way.

        :param needs_help: Whether only those are let in whom another node brings.
        """
        if any(node in (each.node, each.signer) and each.latency is not None for each in self):
            return
        place = self.learn(BY_KEY + node)
        if place is not None and not place.is_seed:
            place.node, place.needs_help = node, needs_help

    def _told_interfaces(self, host: str, interfaces: Any, seen_at: Place | None, most: int) -> int:
        """Clear transports alone: who answers is proven by what it answers, and certificates are not at hand.

        :param seen_at: The place whose node tells this of itself: it stays at the host where it is reached.
        :param most: Take up no more.
        :returns: How many places that are.
        """
        schemes = {"ws": "ws", "http": "http"}
        told: set[str] = set()
        for each in interfaces[:INTERFACES_MAX] if isinstance(interfaces, list) else ():
            if not isinstance(each, dict):
                continue
            scheme, port, address = schemes.get(str(each.get("transport"))), each.get("port"), each.get("address")
            if scheme is None or not isinstance(port, int) or not 0 < port < 65_536:
                continue
            where = host if seen_at is not None or not isinstance(address, str) or not address else address
            if len(told) >= most or not fullmatch(HOST, where):
                continue
            try:
                url = str(parse_url(str(NodeAddress(scheme, where, port, "/"))))
            except AddressInvalid:
                continue
            told.add(url)
            learned = self.learn(url)
            if learned is not None and seen_at is not None and not learned.node:
                learned.node = seen_at.node
        return len(told)

    # What was seen

    def answered(self, place: Place, seconds: float | None = None, *, method: str = "") -> None:
        """A place answered. Other methods that it was asked in vain are held against it still: a node that answers
        what it is watched by, and withholds the rest, would come first for ever.

        :param seconds: How long it took; None if the answer had to wait for something. :param method: What it was
            asked.
        """
        place.failures, place.retry_at = 0, 0.0
        place.unanswered.pop(method, None)
        if not place.unanswered:
            place.trouble = ""
        if seconds is not None:
            place.latency = seconds if place.latency is None else place.latency + _WEIGHT * (seconds - place.latency)

    def told_height(self, place: Place, height: int, newest: int) -> None:
        """A place told its newest height.

        :param newest: The newest that is known to be true now.
        """
        place.height, place.behind = height, max(0, newest - height)

    def failed(self, place: Place, now: float, trouble: str, *, method: str = "") -> None:
        """A place did not answer, or not in time: it comes last for a while.

        :param method: What it was asked; empty if it could not be asked at all.
        """
        place.trouble = trouble[:TEXT_MAX]
        if not method:
            place.failures, place.retry_at = place.failures + 1, now + _penalty(place.failures)
            return
        failures, until = place.unanswered.get(method, (0, 0.0))
        if until <= now:  # else it was asked several times at once
            place.unanswered[method] = failures + 1, now + _penalty(failures)

    def lied(self, place: Place, lie: str) -> None:
        """A place answered what is not so: it is not asked again."""
        place.lie = lie[:TEXT_MAX]

    def of_node(self, node: str) -> set[Place]:
        """The places of a node, as far as it is proven that they are, and not as others say.

        :param node: Its key in hex; empty if it is not known.
        """
        return {each for each in self if node and (each.signer == node or each.url == BY_KEY + node)}

    def suspected(self, places: Iterable[Place]) -> None:
        """These are of a node that took an operation which the log did not get: they come after others."""
        for place in places:
            place.suspicions += 1

    # Choice

    def ready(self, now: float, connected: Collection[Place], count: int) -> list[Place]:
        """The places that there should be a connection with: of different nodes as far as there are, since each may be
        killed.

        One that there is a connection with stays among them unless another is clearly better: where latencies are
        nearly equal, each new one would change the order, and so the connections, for ever.
        """
        nodes: set[str] = set()
        first: list[Place] = []
        further: list[Place] = []
        for place in self.rank(now, favoured=connected):
            (further if place.node in nodes else first).append(place)
            nodes.add(place.node or place.url)
        return [*first, *further][:count]

    def rank(
        self,
        now: float,
        *,
        without: Collection[Place] = (),
        keeping: bool = False,
        favoured: Collection[Place] = (),
    ) -> list[Place]:
        """The places that may be asked, the best first.

        :param without: Leave these out. :param keeping: Only those where subscriptions are possible.
        :param favoured: These count as :data:`FAVOUR` times as fast.
        """
        usable = [
            each for each in self if each.lie is None and each not in without and (each.keeps_connection or not keeping)
        ]

        def rank(place: Place) -> tuple[bool, bool, int, bool, float]:
            latency = _UNKNOWN_LATENCY if place.latency is None else place.latency
            # One that keeps its connection tells by itself when it is lost.
            slowness = max(latency, _LEAST_LATENCY) * place.taste * (1 if place.keeps_connection else 1.5)
            if place in favoured:
                slowness /= FAVOUR
            is_last = place.needs_help and place.latency is None
            return place.rests_until > now, place.is_stale, place.suspicions, is_last, slowness

        return sorted(usable, key=rank)


def _penalty(failures: int) -> float:
    """Seconds, after so many failures before."""
    return min(FIRST_PENALTY * 2.0 ** min(failures, 16), LONGEST_PENALTY)
