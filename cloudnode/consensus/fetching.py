"""Which missing blocks to ask of whom, and when to ask another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cloudnode.consensus.effects import Peer

RETRY_MOST = 2.0
"""Longest time in seconds between two requests for one block."""


class Fetching:
    """Requests under way. What is needed is said anew each time, so nothing is kept that a liar could fill."""

    def __init__(self) -> None:
        self._asked: dict[bytes, tuple[float, int]] = {}
        self.deadline: float | None = None

    def __contains__(self, block_hash: bytes) -> bool:
        return block_hash in self._asked

    def requests(
        self, now: float, needed: Mapping[bytes, Collection[Peer]], peers: Sequence[Peer], patience: float
    ) -> list[tuple[Peer, bytes]]:
        """Whom to ask for what now.

        :param needed: Hashes of blocks, each with the peers that have shown to have it: they are asked first.
        :param patience: Seconds until the first request is repeated to another peer; doubled each time.
        """
        for block_hash in [block_hash for block_hash in self._asked if block_hash not in needed]:
            del self._asked[block_hash]
        due = []
        for block_hash, informed in needed.items():
            at, tries = self._asked.get(block_hash, (now, 0))
            if at > now or not peers:
                continue
            order = [peer for peer in peers if peer in informed] + [peer for peer in peers if peer not in informed]
            due.append((order[tries % len(order)], block_hash))
            self._asked[block_hash] = (now + min(patience * 2 ** min(tries, 8), RETRY_MOST), tries + 1)
        # Without peers there is nothing to wait for but a peer.
        self.deadline = min((at for at, _ in self._asked.values()), default=None) if peers else None
        return due
