"""From final blocks to blocks that the follower writes: those that peers have, and those that consensus brings here.

Theory of operation. While this node takes part in consensus it learns there what is final, and the first stage rests.
Blocks go through five stages, in the order of their heights as far as there is an order:

1. *Headers*, with ids and certificates, are fetched from one peer at a time, in a thread checked to form one chain from
   this node's head on, and appended to the list of wanted blocks. A new block that a peer announces and that is the
   next one is appended at once.
2. *Bodies* that are not in the pool are asked for from all peers that have the block, some hundred at a time; each body
   is compared with its id when it comes, so a wrong one names its sender. What gossip is about to bring is not asked
   for at once.
3. When a block has all bodies, its operations are read and their signatures verified in a thread.
4. Blocks that are good are handed to the follower in order, which
5. writes them and compares state roots (:mod:`cloudnode.node.following`).

Every stage is bounded: in blocks, in bytes, in questions on their way. A question that ends without an answer returns
what it asked for to the list. A peer has the heights that a certificate which it showed says, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.block import Header
from cloudnode.formats.checkpoint import CheckpointMissed
from cloudnode.formats.operation import Operation
from cloudnode.ledger.reading import Block, FinalBlock
from cloudnode.node.following import CheckedBlock
from cloudnode.node.ledger import Ledger
from cloudnode.node.receiving import OperationReceiver, ReceivingHere
from cloudnode.node.threads import RunInThread
from cloudnode.node.validating import UNEXECUTED_MOST
from cloudnode.peers.answering import QUESTIONS_OF_A_PEER, Answering, Overdue
from cloudnode.peers.blockcheck import (
    CheckedOperations,
    RulesBroken,
    Tip,
    Unchecked,
    check_body,
    check_chain,
    check_following,
    check_operations,
)
from cloudnode.peers.epochs import KnownEpochs
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import (
    Answer,
    Blocks,
    GetBlocks,
    GetOperations,
    Operations,
    Question,
)
from cloudnode.peers.peer import Peer
from cloudnode.peers.wanted import OPERATIONS_ASKED, Asked, Wanted, give_back, next_missing, take

BLOCKS_ASKED = 200
BLOCKS_AHEAD = 600
WRITING_AHEAD = 16
CHECKS_AT_ONCE = 2
CHECKING_AHEAD = 128
"""So many of the next blocks may be checked, as many at once as have so many operations:"""
OPERATIONS_CHECKED = 400
BYTES_CHECKED = 4 * 1024 * 1024
CHECK_AGAIN_SECONDS = 1.0
"""So long after a check that came to no result the next one begins."""
UNABLE_SECONDS = 10.0

FEW_WANTED = 16
"""While more blocks than that are on their way, their operations are read where that disturbs the writing least."""

REST_SECONDS = 10.0
"""So long after that what it takes is given back."""

PATIENCE_SECONDS = 1.0
"""So long what gossip is about to bring is not asked for a second time."""

STATES_WANTED = 8
"""Of so many of the newest heights a node that comes to them has states, for whoever asks for one of these: who names a
height has seen it a moment ago. Blocks below them are executed together with others: who fetches the whole state has
none of a lower height either."""

TAKE_OVER_BLOCKS = 16
"""A validator takes part in consensus once it is no further behind than this; the rest it gets there."""


class Download:
    """Brings a follower to the height of its peers and keeps it there.

    :ivar trouble: Why it does not go on, or None. :ivar is_held: Whether it is to do nothing for now.
    """

    _log = Logger()

    def __init__(
        self,
        ledger: Ledger,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        peers: Callable[[], Iterable[Peer]],
        epochs: KnownEpochs,
        is_coming: Callable[[bytes], bool],
        answering: Answering,
        receiver: OperationReceiver | None = None,
    ) -> None:
        """
        :param peers: All open peers. :param epochs: Is told of those that are reached.
        :param is_coming: Whether gossip is about to bring an operation.
        :param receiver: Reads operations while many blocks are wanted; None if it is done in threads always.
        """
        self.trouble: str | None = None
        self.is_held = False
        self._ledger = ledger
        self._follower = ledger.follower
        self._validator = ledger.validator
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._peers = peers
        self._wanted: list[Wanted] = []
        head = ledger.head
        self._epochs = epochs
        self._tip = Tip(head.height, head.hash, head.time, ledger.epoch)
        self._handed = head.height
        self._beginning = 0
        self._answering = answering
        self._is_fetching = False
        self._is_trying = False
        self._checks = 0
        self._check_again = 0.0
        self._receiving_here = ReceivingHere(ledger.genesis)
        self._receiver = receiver or self._receiving_here
        self._resting: IDelayedCall | None = None
        self._is_stopped = False
        self._is_pumping = False
        self._is_coming = is_coming
        self._hoped: dict[bytes, Wanted] = {}
        self._stops = [ledger.watch_blocks(self._written), ledger.watch_pool(self._pooled)]
        if self._validator is not None:
            self._validator.on_final = self._take_final
            self._validator.may_begin = self._has_caught_up

    @property
    def target(self) -> int:
        """The greatest height that a peer has shown a certificate for, or this node's own."""
        return max((peer.height for peer in self._peers()), default=0)

    def stop(self) -> None:
        """Fetch nothing more."""
        self._is_stopped = True
        self._wanted.clear()
        if self._resting is not None:
            self._resting.cancel()
            self._rest()
        stops, self._stops = self._stops, []
        for stop in stops:
            stop()

    def _has_caught_up(self) -> bool:
        """Whether consensus may take over from here."""
        if self._is_stopped:
            return False
        is_idle = not self._wanted and not self._is_fetching and self._follower.is_idle
        return is_idle and self.target <= self._ledger.head.height + TAKE_OVER_BLOCKS

    @property
    def _is_led(self) -> bool:
        """Whether consensus says what is final."""
        return self._validator is not None and self._validator.is_voting

    @property
    def _states_wanted(self) -> int:
        """Who votes may be asked for the root of any height that a proposer may have executed last."""
        is_validator = self._validator is not None and self._validator.is_validator
        return UNEXECUTED_MOST if is_validator else STATES_WANTED

    def _take_final(self, block: Block, header: Header) -> None:
        """Consensus made a block final."""
        if self._is_stopped:
            return
        try:
            self._epochs.check([header])
            self._append(block, header)
        except (CheckpointMissed, PeerFault) as error:
            self._stop_for(str(error))
        self.pump()

    def restart(self) -> None:
        """The database is another one: go on from its newest block."""
        head = self._ledger.head
        self._wanted = []
        self._hoped.clear()
        self._tip = Tip(head.height, head.hash, head.time, self._ledger.epoch)
        self._handed = head.height
        self._beginning += 1
        self.pump()

    def announced(self, block: Block, header: Header) -> None:
        """A peer told of a final block (checked by itself) that may be the next one.

        :raises PeerFault: It is of another history than the one that this node knows.
        """
        if self._is_led:
            return
        is_next = header.height == self._tip.height + 1 and header.epoch == self._tip.epoch.number
        if is_next and not self._is_stopped:
            try:
                check_following(header, self._tip)
                self._epochs.check([header])
                self._append(block, header)
            except (RulesBroken, CheckpointMissed) as error:
                self._stop_for(str(error))
                return
        self.pump()

    def pump(self) -> None:
        """Do what can be done now in all stages."""
        if self._is_stopped or self.is_held or self._is_pumping or self._ledger.state not in ("serving", "starting"):
            return
        self._is_pumping = True
        try:
            self._hand_on()
            self._give_up_hope()
            self._check()
            self._fetch_bodies()
            self._fetch_blocks()
        finally:
            self._is_pumping = False

    def _written(self, final: FinalBlock) -> None:
        if final.block.height == self._ledger.head.height:  # no more than once for blocks that were written together
            self.pump()

    # Headers

    def _fetch_blocks(self) -> None:
        if self._is_led or len(self._wanted) > BLOCKS_AHEAD - BLOCKS_ASKED:
            return
        if not self._is_fetching and (peers := self._choose(self._tip.height + 1, GetBlocks, claims=False)):
            self._is_fetching = True
            fetching = Deferred.fromCoroutine(self._fetch(peers))
            fetching.addErrback(self._fetch_failed).addBoth(self._fetched)
        if self._is_fetching or self._is_trying:
            return
        # Nobody has shown more. A claim may be false: then it is as good as none, and keeps nothing waiting.
        if peers := self._choose(self._tip.height + 1, GetBlocks, claims=True):
            self._is_trying = True
            trying = Deferred.fromCoroutine(self._fetch(peers))
            trying.addErrback(self._fetch_failed).addBoth(self._tried)

    async def _fetch(self, peers: Sequence[Peer]) -> None:
        first, beginning = self._tip.height + 1, self._beginning
        count = min(BLOCKS_ASKED, max(map(_height_of, peers)) - self._tip.height)
        try:
            told = await self._answering.ask(
                peers, GetBlocks, first, count, could_not=self._could_not,
                able=lambda: self._able(first, claims=False),
            )  # fmt: skip
        except (Overdue, PeerFault):
            for peer in peers:
                peer.claimed_height = peer.height
            return
        if told is None or beginning != self._beginning:
            return
        peer, answer = told
        assert isinstance(answer, Blocks)
        # What a peer announced meanwhile is no longer needed.
        sent = answer.blocks[self._tip.height + 1 - first :]
        try:
            checked = await self._run_in_thread(check_chain, sent, self._tip)
            self._epochs.check(header for _, header in checked)
        except PeerFault as fault:
            peer.end(fault)
            return
        except Exception:
            self._could_not(peer)
            raise
        if beginning == self._beginning and not self._is_stopped:
            for block, header in checked:
                if header.height > self._tip.height:
                    check_following(header, self._tip)
                    self._append(block, header)

    def _could_not(self, peer: Peer) -> None:
        peer.unable_until = self._clock.seconds() + UNABLE_SECONDS
        peer.claimed_height = peer.height

    def _append(self, block: Block, header: Header) -> None:
        if self._ledger.checkpoint is not None:
            self._ledger.checkpoint.check(block.height, block.hash)
        held = [self._ledger.waiting_operation(each) for each in block.operation_ids]
        until = self._clock.seconds() + PATIENCE_SECONDS
        wanted = Wanted.begin(block, header, self._tip.epoch, held, self._is_coming, until)
        self._wanted.append(wanted)
        self._hoped.update(dict.fromkeys(wanted.hoped, wanted))
        self._tip = self._tip.after(block, header)
        if header.ends_epoch:
            self._epochs.reached(self._tip.epoch, header)

    def _fetch_failed(self, failure: Failure) -> None:
        if isinstance(failure.value, RulesBroken | CheckpointMissed):
            self._stop_for(str(failure.value))
        else:
            self._log.failure("Blocks could not be checked", failure)

    def _fetched(self, _: object) -> None:
        self._is_fetching = False
        self.pump()

    def _tried(self, _: object) -> None:
        self._is_trying = False
        self.pump()

    def _stop_for(self, trouble: str) -> None:
        self.trouble = trouble
        self._log.critical("This node follows no longer: {trouble}", trouble=trouble)
        self.stop()

    # Bodies

    def _pooled(self, operation: Operation) -> None:
        """Gossip, or a caller, brought an operation."""
        wanted = self._hoped.pop(operation.id, None)
        index = None if wanted is None else wanted.hoped.pop(operation.id, None)
        if wanted is not None and index is not None:
            wanted.held[index] = operation
            if wanted.is_whole:
                self.pump()

    def _give_up_hope(self) -> None:
        now = self._clock.seconds()
        for wanted in self._wanted[:WRITING_AHEAD]:
            if wanted.hoped and now >= wanted.patient_until:
                for operation_id in wanted.give_up_hope():
                    self._hoped.pop(operation_id, None)

    def _choose(self, height: int, question: type[Question], *, claims: bool = True) -> list[Peer]:
        """Whom to ask at once of those that have a height; nobody, if nobody can be asked now.

        :param claims: Whether it is enough that a peer says so.
        """
        return self._answering.choose(self._able(height, claims=claims), question)

    def _able(self, height: int, *, claims: bool) -> list[Peer]:
        now = self._clock.seconds()
        return [
            peer
            for peer in self._peers()
            if peer.blocks_from <= height <= (_height_of(peer) if claims else peer.height)
            and peer.unable_until <= now
        ]

    def _fetch_bodies(self) -> None:
        for wanted in self._wanted[:WRITING_AHEAD]:
            if wanted.is_undivided and wanted.missing:
                self._ask_source(wanted)
        while (asked := next_missing(self._wanted)) and (
            peers := self._choose(asked[-1][0].block.height, GetOperations)
        ):
            self._ask_bodies(peers, asked)

    def _ask_source(self, wanted: Wanted) -> None:
        source = wanted.source
        is_there = source is not None and source.is_open and source in self._peers()
        if (
            source is None or not is_there or source.unable_until > self._clock.seconds()
            or self._answering.is_doubtful(source)
        ):  # fmt: skip
            if wanted.coming:
                return
            wanted.forget()
            source = wanted.source = next(iter(self._choose(wanted.block.height, GetOperations)), None)
        while wanted.missing and source is not None and source.is_open and source.asked < QUESTIONS_OF_A_PEER:
            self._ask_bodies([source], [(wanted, index) for index in wanted.missing[:OPERATIONS_ASKED]])

    def _ask_bodies(self, peers: Sequence[Peer], asked: Asked) -> None:
        height = asked[-1][0].block.height
        asking = self._answering.ask(
            peers, GetOperations, take(asked), could_not=self._could_not, able=lambda: self._able(height, claims=True)
        )
        asking.addCallback(self._bodies_came, asked)
        asking.addErrback(self._bodies_failed, asked)
        asking.addBoth(lambda _: self.pump())

    def _bodies_came(self, told: tuple[Peer, Answer] | None, asked: Asked) -> None:
        if told is not None:
            peer, answer = told
            assert isinstance(answer, Operations)
            try:
                self._take_bodies(peer, answer, asked)
            except PeerFault as fault:
                peer.end(fault)
        give_back(asked)

    @staticmethod
    def _take_bodies(peer: Peer, answer: Operations, asked: Asked) -> None:
        if len(answer.operations) > len(asked):
            raise PeerFault("unexpected", "it sent more operations than it was asked for")
        for sent, (wanted, index) in zip(answer.operations, list(asked), strict=False):
            check_body(sent, wanted.block.operation_ids[index])
            asked.pop(0)
            wanted.take_body(index, sent, peer)

    def _bodies_failed(self, failure: Failure, asked: Asked) -> None:
        give_back(asked)
        if failure.check(Overdue, PeerFault) is None:
            self._log.failure("Bodies could not be taken", failure)

    # Checks and the follower

    def _check(self) -> None:
        if self._clock.seconds() < self._check_again:
            return
        while self._checks < CHECKS_AT_ONCE and (together := self._take_unchecked()):
            self._checks += 1
            unchecked = [self._begin_check(wanted) for wanted in together]
            checking = self._run_in_thread(check_operations, unchecked, self._choose_receiver().receive)
            checking.addCallback(self._all_checked, together)
            checking.addErrback(self._check_failed, together)
            checking.addBoth(self._check_done)
        self._hand_on()

    def _take_unchecked(self) -> list[Wanted]:
        """The next blocks that have all operations, as many as make it worth while to have a thread check them."""
        together: list[Wanted] = []
        operations = size = 0
        for wanted in self._wanted[:CHECKING_AHEAD]:
            if wanted.checked or not wanted.is_whole:
                continue
            if not wanted.block.validators and all(isinstance(each, Operation) for each in wanted.held):
                # No signature is to be verified.
                [checked] = check_operations([self._begin_check(wanted)], self._receiving_here.receive)
                self._checked(checked, wanted)
                continue
            together.append(wanted)
            operations += len(wanted.held)
            size += wanted.size
            if operations >= OPERATIONS_CHECKED or size >= BYTES_CHECKED:
                break
        return together

    @staticmethod
    def _begin_check(wanted: Wanted) -> Unchecked:
        wanted.checked = True
        held = [each for each in wanted.held if each is not None]
        return Unchecked(wanted.block, wanted.header, wanted.epoch, held)

    def _all_checked(self, checked: Sequence[CheckedOperations], together: Sequence[Wanted]) -> None:
        for each, wanted in zip(checked, together, strict=True):
            self._checked(each, wanted)

    def _choose_receiver(self) -> OperationReceiver:
        """Who reads operations: the one that takes some effort to start, once there is much to do, until it rests."""
        if self._receiver is self._receiving_here:
            return self._receiver
        if len(self._wanted) > FEW_WANTED:
            if self._resting is None:
                self._resting = self._clock.callLater(REST_SECONDS, self._rest)
            else:
                self._resting.reset(REST_SECONDS)
        return self._receiving_here if self._resting is None else self._receiver

    def _rest(self) -> None:
        self._resting = None
        self._receiver.rest()

    def _checked(self, checked: CheckedOperations, wanted: Wanted) -> None:
        if checked.broken is not None:
            self._stop_for(checked.broken)
            return
        if not checked.faults and checked.signed_so:
            wanted.ready = checked.operations
            return
        if not checked.faults:
            self._signed_otherwise(wanted)
            return
        wanted.checked = False
        for sender, fault in wanted.refuse(checked.faults):
            sender.end(fault)

    def _signed_otherwise(self, wanted: Wanted) -> None:
        """True signatures, but not those in the block: what came from callers, or from several peers, blames nobody.

        Who has the block has its signatures, so a peer that sent all of it sent something else than its log holds.
        """
        senders = set(wanted.senders.values())
        if len(senders) == 1 and len(wanted.senders) == len(wanted.held):
            (sender,) = senders
            height = wanted.block.height
            sender.end(PeerFault("wrong_signature", f"the signatures that it sent are not those of block {height}"))
        voted = None if self._validator is None else self._validator.voted_operations(wanted.block.hash)
        if voted is not None and not wanted.is_undivided:
            wanted.held, wanted.checked = list(voted), False
            wanted.senders.clear()
        else:
            wanted.forget()
        wanted.is_undivided = True

    def _check_failed(self, failure: Failure, together: Sequence[Wanted]) -> None:
        heights = f"{together[0].block.height} to {together[-1].block.height}"
        self._log.failure("Blocks {heights} could not be checked", failure, heights=heights)
        for wanted in together:
            wanted.checked = wanted.ready is not None
        self._check_again = self._clock.seconds() + CHECK_AGAIN_SECONDS

    def _check_done(self, _: object) -> None:
        self._checks -= 1
        if not self._checks and self._resting is None:
            self._receiver.rest()  # a check that had to wait for its thread may have begun after the rest
        self.pump()

    def _hand_on(self) -> None:
        while self._wanted and self._wanted[0].ready is not None and self._follower.has_room:
            wanted = self._wanted.pop(0)
            assert wanted.ready is not None
            self._handed = wanted.block.height
            is_old = self.target - wanted.block.height > self._states_wanted and not self._is_led
            self._follower.add(CheckedBlock(wanted.block, wanted.header, wanted.ready, is_old))


def _height_of(peer: Peer) -> int:
    """Up to where a peer is asked. A claim without a certificate may be false, but then there is only no answer."""
    return max(peer.height, peer.claimed_height)
