"""Noticing that a node took an operation and did not pass it on.

Theory of operation. A receipt is a node's signed promise: it has the operation, and the log may hold it up to the
expiry. Who breaks the promise leaves the operation out of the log. So each receipt is kept until the operation is
proven to be in the log, or the expiry has passed. Two things can be noticed meanwhile:

- *overdue*: the network made several blocks that had room, and the state proves that none held the operation. The
  operation is sent to another node, which gives a receipt of its own; the first one comes after the others from now on.
- *expired*: the state at the expiry proves that no block held it nor ever will. Receipt and proof together are evidence
  of the kind ``receipt``, which goes to a node that keeps it.

Neither proves who is to blame: the node may have passed the operation on, and others left it out. The caller is told of
both, and what shows it can be shown to anyone who knows the genesis.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.client.client import Client
from cloudnode.client.cloud.checking import OperationProof
from cloudnode.client.cloud.directory import Place
from cloudnode.client.cloud.nodes import Nodes
from cloudnode.client.cloud.questions import Questions
from cloudnode.client.errors import ClientError, RemoteError
from cloudnode.client.writer import SignedOperation
from cloudnode.formats.evidence import ReceiptEvidence, encode_evidence
from cloudnode.formats.receipt import Receipt

OVERDUE_HEIGHTS, OVERDUE_SECONDS = 8, 4.0
"""How many blocks are made, and how much time passes, before an operation that none of them holds is overdue."""

LOOK = 2.0
"""Seconds between two looks at what was promised."""

ANSWER_SECONDS = 10.0
"""Seconds that a look may take to find a node with a proof."""

PROMISES_MAX = 1_000
"""Receipts that are kept at once; the oldest is forgotten first."""


@attrs.frozen
class Censorship:
    """An operation that a node took and that is not in the log.

    :ivar url: Where it was sent. :ivar node: The key that signed the receipt, in hex.
    :ivar operation: Its id, in hex. :ivar height: No block up to this one holds it.
    :ivar is_expired: Whether none will: its expiry has passed. Else it was sent to another node.
    :ivar shown: The receipt with its signature, and the proof: a final header beyond the receipt's height and the nodes
        that show the operation's absence from the state that the header vouches for.
    """

    url: str
    node: str
    operation: str
    height: int
    is_expired: bool
    shown: ReceiptEvidence

    @property
    def evidence(self) -> bytes:
        """What any node takes by ``submitevidence``, once the operation has expired; empty before."""
        return encode_evidence(self.shown) if self.is_expired else b""


@attrs.define(eq=False)
class _Promise:
    """:ivar height: Where the network was when the receipt came: the receipt's own, or less if that one is still to
    come. :ivar since: In seconds of the clock. :ivar is_told: Whether the caller was told that it is overdue.
    :ivar is_sent: Whether another node has taken the operation since.
    """

    operation: SignedOperation
    receipt: Receipt
    signature: bytes
    place: Place
    height: int
    since: float
    is_told: bool = False
    is_sent: bool = False


class Promises:
    """The receipts that a session has of operations which are not known to be final."""

    _log = Logger()

    def __init__(
        self,
        questions: Questions,
        nodes: Nodes,
        send: Callable[[SignedOperation, Place], Awaitable[object]],
        told: Callable[[Censorship], object],
        clock: Any,
    ) -> None:
        """
        :param send: Sends an operation to one place for a receipt, which is kept here. :param told: Told of each
            operation that is overdue or expired.
        """
        self._questions = questions
        self._nodes = nodes
        self._send = send
        self._told = told
        self._clock = clock
        self._kept: list[_Promise] = []
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._looking: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, operation: SignedOperation, receipt: Receipt, signature: bytes, place: Place) -> None:
        """Hold a node to its receipt (which was verified)."""
        if any((each.operation.id, each.receipt.node) == (operation.id, receipt.node) for each in self._kept):
            return
        height = min(receipt.height, self._nodes.newest)
        self._kept.append(_Promise(operation, receipt, signature, place, height, self._clock.seconds()))
        if len(self._kept) > PROMISES_MAX:
            del self._kept[0]
        if not self._loop.running:
            self._loop.start(LOOK, now=False)

    def fulfilled(self, operation_id: bytes) -> None:
        """An operation is in the log."""
        self._kept = [each for each in self._kept if each.operation.id != operation_id]
        if not self._kept and self._loop.running:
            self._loop.stop()

    def close(self) -> None:
        """Look no more."""
        self._kept.clear()
        if self._loop.running:
            self._loop.stop()
        if self._looking is not None:
            self._looking.cancel()

    # Looking

    def _look(self) -> Deferred[None]:
        self._looking = Deferred.fromCoroutine(self._check_all())
        self._looking.addErrback(self._look_failed)
        return self._looking

    def _look_failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self._log.failure("Receipts could not be looked at", failure)

    async def _check_all(self) -> None:
        newest = self._nodes.newest
        for promise in list(self._kept):
            if promise in self._kept and (newest > promise.receipt.expiry or self._is_overdue(promise, newest)):
                try:
                    await self._check(promise, newest)
                except ClientError as error:
                    self._log.info("A receipt could not be looked at: {error}", error=error.message)

    def _is_overdue(self, promise: _Promise, newest: int) -> bool:
        """Whether the operation should be in a block by now, as far as heights and time say."""
        if promise.is_sent or self._clock.seconds() - promise.since < OVERDUE_SECONDS:
            return False
        height, checker = promise.height, self._nodes.checker
        assert checker is not None
        header = checker.find_final(newest)
        if header is not None and header.operations_count >= checker.genesis.parameters.max_block_operations:
            return False  # there is more than there is room for
        return newest >= height + min(OVERDUE_HEIGHTS, max(1, (promise.receipt.expiry - height) // 2))

    async def _check(self, promise: _Promise, newest: int) -> None:
        """Have it proven whether the log has the operation, and do what follows from that.

        :raises ClientError: No node brought a proof.
        """
        operation, receipt = promise.operation, promise.receipt
        is_expired = newest > receipt.expiry
        height = receipt.expiry if is_expired else newest - 1
        try:
            deadline = self._clock.seconds() + ANSWER_SECONDS
            proof = await prove_operation(self._questions, self._nodes, operation, height, deadline)
        except RemoteError as error:
            if is_expired:
                self._kept.remove(promise)
                self._log.info("No node proves what became of an operation: {error}", error=error.message)
                return
            raise
        if proof.value is not None:
            self.fulfilled(operation.id)
            return
        if promise not in self._kept:
            return
        shown = ReceiptEvidence(receipt, promise.signature, proof.header, proof.finality, proof.nodes)
        censorship = Censorship(
            promise.place.url, receipt.node.hex(), operation.id.hex(), proof.header.root_height, is_expired, shown
        )
        if is_expired or not promise.is_told:
            promise.is_told = True
            self._nodes.directory.suspected(self._places(promise))
            self._told(censorship)
        if is_expired:
            self._kept.remove(promise)
            await self._nodes.hand_in(censorship.evidence)
        else:
            await self._send_elsewhere(promise)

    async def _send_elsewhere(self, promise: _Promise) -> None:
        """Have another node take an operation; if none does, that is tried again at the next look.

        :raises ClientError: None did in time.
        """
        told = [each for each in self._kept if each.operation.id == promise.operation.id]
        asked = {place for each in told for place in self._places(each)}
        deadline = self._clock.seconds() + ANSWER_SECONDS
        if self._nodes.choose(asked) is None:
            self._log.info("There is no other node to send operation {id} to", id=promise.operation.id.hex())
            return
        await self._questions.ask(partial(self._send_at, promise.operation), deadline, hedges=True, without=asked)
        promise.is_sent = True

    def _places(self, promise: _Promise) -> set[Place]:
        """Those of the node that promised."""
        return {promise.place} | self._nodes.directory.of_node(promise.receipt.node.hex())

    async def _send_at(self, operation: SignedOperation, place: Place) -> object:
        return await self._send(operation, place)


async def prove_operation(
    questions: Questions, nodes: Nodes, operation: SignedOperation, height: int, deadline: float
) -> OperationProof:
    """Whether the log has an operation, proven by whichever node has the proof.

    :param height: At this height or above. :param deadline: In seconds of the clock.
    :raises ClientError: No node brought a proof in time.
    """
    checker = nodes.checker
    assert checker is not None

    async def prove(client: Client) -> OperationProof:
        return await checker.prove_operation(client, operation.id, operation.expiry, height)

    async def ask(place: Place) -> OperationProof:
        return await questions.work_at(place, prove, "getproof", {}, height)

    proof, _ = await questions.ask(ask, deadline, hedges=True)
    return proof
