"""The peers, and what each of them reaches by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cloudnode.consensus.effects import Peer


class _Link:
    __slots__ = ("helped_at", "key", "reaches")

    def __init__(self, key: bytes | None, reaches: frozenset[bytes] | None) -> None:
        self.key = key
        self.reaches = reaches
        self.helped_at = float("-inf")


class Peers:
    """Who is linked. A lost link is forgotten at once; the node tells when it is there again."""

    def __init__(self) -> None:
        self._links: dict[Peer, _Link] = {}

    def __len__(self) -> int:
        return len(self._links)

    def join(self, peer: Peer, key: bytes | None, reaches: Iterable[bytes] | None) -> None:
        """A link is there; joining again updates what is known of it."""
        known = self._links.get(peer)
        link = _Link(key, None if reaches is None else frozenset(reaches))
        if known is not None:
            link.helped_at = known.helped_at
        self._links[peer] = link

    def leave(self, peer: Peer) -> None:
        """The link is gone."""
        self._links.pop(peer, None)

    def all(self) -> tuple[Peer, ...]:
        """Every peer, in the order of their links."""
        return tuple(self._links)

    def without(self, informed: Collection[Peer]) -> tuple[Peer, ...]:
        """The peers that are not among those who know already."""
        return tuple(peer for peer in self._links if peer not in informed)

    def key(self, peer: Peer) -> bytes | None:
        """The validator key of a peer that has proven to be one."""
        link = self._links.get(peer)
        return None if link is None else link.key

    def needing(self, validator: bytes, source: Peer | None = None) -> tuple[Peer, ...]:
        """To whom to relay what the validator says: those who have no link to it and did not send it."""
        return tuple(
            peer
            for peer, link in self._links.items()
            if link.reaches is not None and validator not in link.reaches and peer != source and link.key != validator
        )

    def may_help(self, peer: Peer, now: float, interval: float) -> bool:
        """Whether the peer was helped last so long ago; if so, this counts as helping."""
        link = self._links.get(peer)
        if link is None or now - link.helped_at < interval:
            return False
        link.helped_at = now
        return True
