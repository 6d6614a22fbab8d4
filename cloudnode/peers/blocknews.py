"""News of final blocks: what peers tell of them, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256

from cloudnode.formats.block import Header
from cloudnode.ledger.reading import FinalBlock
from cloudnode.peers.blockcheck import check_final
from cloudnode.peers.download import Download
from cloudnode.peers.epochs import KnownEpochs
from cloudnode.peers.messages import Have, Holds, NewBlock, SentBlock
from cloudnode.peers.peer import KnownIds, Peer
from cloudnode.peers.serving import sent_block

RECENT_HEIGHTS = 1_000

HEIGHTS_UNTOLD = 50
"""After so many blocks were pruned, peers are told from where on there are blocks here."""


class BlockNews:
    """Hears of new blocks from peers, and tells them of this node's."""

    def __init__(
        self,
        download: Download,
        head: Callable[[], SentBlock | None],
        peers: Callable[[], Iterable[Peer]],
        epochs: KnownEpochs,
        votes: Callable[[Peer], bool],
        lowest_block: Callable[[], int],
    ) -> None:
        """
        :param head: The newest block that is served. :param peers: All open peers.
        :param votes: Whether a peer takes part in consensus, and so learns of blocks there.
        :param lowest_block: The height of the oldest block here.
        """
        self._epochs = epochs
        self._download = download
        self._head = head
        self._peers = peers
        self._votes = votes
        self._verified = KnownIds(4_000)
        self._recent: dict[int, bytes] = {}
        self._lowest_block = lowest_block
        self._told_from = lowest_block()

    def greet(self, peer: Peer) -> None:
        """Tell a new peer how far this node is, and how far back."""
        self._told_from = self._lowest_block()
        peer.send(Holds(self._told_from))
        head = self._head()
        if head is not None:
            peer.send(NewBlock(head))

    def heard(self, peer: Peer, message: NewBlock) -> None:
        """A peer has a block.

        :raises PeerFault: It is none, or no quorum signed it.
        """
        sent = message.block
        key = sha256(b"".join((sent.header, sent.finality, sent.ids, sent.validators))).digest()
        number = int.from_bytes(sent.header[32:40], "big")
        epoch = self._epochs.get(number)
        if epoch is None:
            if number > self._epochs.newest.number:
                self._epochs.learn(peer, sent.header, sent.finality).addCallback(self._learnt, peer)
            return  # else it is of an epoch that this node is on its way through: it hears of that peer again
        block, header = check_final(sent, epoch) if key not in self._verified else (None, None)
        height = int.from_bytes(sent.header[48:56], "big") if header is None else header.height
        peer.height = max(peer.height, height)
        if block is not None and header is not None:
            self._verified.add(key)
            self._download.announced(block, header)
        else:
            self._download.pump()

    def _learnt(self, header: Header | None, peer: Peer) -> None:
        if header is not None:
            peer.height = max(peer.height, header.height)
            self._download.pump()

    def has(self, peer: Peer, message: Have) -> None:
        """A peer has a block that this node should have: believed if it is that very block, else only a claim."""
        peer.claimed_height = max(peer.claimed_height, message.height)
        if self._recent.get(message.height) == message.hash:
            peer.height = max(peer.height, message.height)

    def final(self, final: FinalBlock) -> None:
        """A block is on disk here: tell those who have it not."""
        height = final.block.height
        self._recent[height] = final.block.hash
        self._recent.pop(height - RECENT_HEIGHTS, None)
        if height < self._download.target - 2:
            return  # while this node catches up, nobody learns anything from it
        if self._lowest_block() - self._told_from >= HEIGHTS_UNTOLD:
            self._told_from = self._lowest_block()
            for peer in self._peers():
                peer.send(Holds(self._told_from))
        told = NewBlock(sent_block(final.block))
        have = Have(height, final.block.hash)
        for peer in list(self._peers()):
            if peer.has_room:
                peer.send(have if peer.height >= height or self._votes(peer) else told)
