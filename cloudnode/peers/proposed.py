"""A proposed block's operations as its leader has them, for a validator that has others of their true signatures.

Theory of operation. The leader has them, and so has whoever voted for the block. Two of these are asked at once, and
for each half second that passes in vain as many more as were asked before, so that those who don't answer cost little.
Who still owes an answer after that time is asked last for the next blocks. It goes on until the operations are there,
or the block is no longer waited for. Who says that it has them not is asked again, for it may get them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.consensus.messages import Block
from cloudnode.formats.block import signatures_hash
from cloudnode.node.ledger import Ledger
from cloudnode.node.validating import Validator
from cloudnode.peers.blockcheck import check_body
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import GetProposed, Operations, SentOperation
from cloudnode.peers.peer import Peer

FETCHES_MOST = 4
"""Blocks for which this is done at once; the oldest gives way."""

ASKED_FIRST = 2
PATIENCE_SECONDS = 0.5
TRIES = 20
"""After so many times that in vain a block is given up: its view is over long since."""


@attrs.define(eq=False)
class _Fetch:
    """What is done for one block.

    :ivar asked: In the order in which they were. :ivar asking: Those of them that have not answered yet.
    """

    block_hash: bytes
    tries: int = 0
    asked: dict[Peer, None] = attrs.Factory(dict)
    asking: set[Peer] = attrs.Factory(set)
    timer: IDelayedCall | None = None


class ProposedSignatures:
    """Fetches them."""

    _log = Logger()

    def __init__(
        self,
        ledger: Ledger,
        validator: Validator,
        clock: IReactorTime,
        likeliest: Callable[[bytes], Sequence[Peer]],
    ) -> None:
        """:param likeliest: Whom to ask for a block's, by its hash; those first who should have them."""
        self._ledger = ledger
        self._validator = validator
        self._clock = clock
        self._likeliest = likeliest
        self._fetches: dict[bytes, _Fetch] = {}
        self._late: dict[Peer, int] = {}

    def is_late(self, peer: Peer) -> bool:
        """Whether a peer owes an answer for so long that others are asked first."""
        return peer in self._late

    def stop(self) -> None:
        """Fetch nothing more."""
        for fetch in list(self._fetches.values()):
            self._end(fetch)

    def fetch(self, block_hash: bytes) -> None:
        """A block waits for its signatures."""
        if block_hash in self._fetches:
            return
        while len(self._fetches) >= FETCHES_MOST:
            self._end(next(iter(self._fetches.values())))
        fetch = self._fetches[block_hash] = _Fetch(block_hash)
        self._ask(fetch)

    def _end(self, fetch: _Fetch) -> None:
        if self._fetches.get(fetch.block_hash) is fetch:
            del self._fetches[fetch.block_hash]
        if fetch.timer is not None:
            fetch.timer.cancel()
            fetch.timer = None

    def _time_passed(self, fetch: _Fetch) -> None:
        fetch.timer = None
        fetch.tries += 1
        if fetch.tries >= TRIES:
            self._end(fetch)
        else:
            self._ask(fetch)

    def _ask(self, fetch: _Fetch) -> None:
        block = self._validator.waiting_block(fetch.block_hash)
        if block is None:
            self._end(fetch)
            return
        fetch.timer = self._clock.callLater(PATIENCE_SECONDS, self._time_passed, fetch)
        able = [peer for peer in self._likeliest(fetch.block_hash) if peer not in fetch.asking]
        able.sort(key=fetch.asked.__contains__)
        for peer in able[: max(ASKED_FIRST, len(fetch.asked))]:
            fetch.asked[peer] = None
            fetch.asking.add(peer)
            asking = Deferred.fromCoroutine(self._ask_one(peer, block, fetch))
            late = self._clock.callLater(PATIENCE_SECONDS, self._note_late, peer)
            asking.addErrback(self._failed, peer)
            asking.addBoth(self._answered, peer, fetch, late)

    def _note_late(self, peer: Peer) -> None:
        self._late[peer] = self._late.get(peer, 0) + 1

    def _answered(self, _: object, peer: Peer, fetch: _Fetch, late: IDelayedCall) -> None:
        fetch.asking.discard(peer)
        if late.active():
            late.cancel()
        elif self._late[peer] > 1:
            self._late[peer] -= 1
        else:
            del self._late[peer]

    async def _ask_one(self, peer: Peer, block: Block, fetch: _Fetch) -> None:
        sent: list[SentOperation] = []
        while len(sent) < len(block.ids):
            answer = await peer.ask(GetProposed, block.hash, len(sent))
            assert isinstance(answer, Operations)
            if self._fetches.get(block.hash) is not fetch or not answer.operations:
                return
            if len(sent) + len(answer.operations) > len(block.ids):
                raise PeerFault("unexpected", "it sent more operations than the block has")
            for each in answer.operations:
                check_body(each, block.ids[len(sent)])
                sent.append(each)
        if signatures_hash(each.signature for each in sent) != block.header.signatures_hash:
            return
        # Signed by the operations' authors or not, that is seen now; each must be the one that the block names.
        if await self._ledger.adopt_signatures(block.ids, [(each.body, each.signature) for each in sent]):
            self._end(fetch)
            self._validator.signatures_came(block.hash)

    def _failed(self, failure: Failure, peer: Peer) -> None:
        if isinstance(failure.value, PeerFault):
            peer.end(failure.value)
        else:
            self._log.failure("Signatures of {peer} for a proposed block could not be taken", failure, peer=peer)
