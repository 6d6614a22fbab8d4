"""State sync: a database like the others' without the log that led to it.

Theory of operation. A recent final header carries the state root of a height. The state of that height is fetched part
by part (:mod:`cloudnode.peers.statefetch`) into a new database beside the one in use (:mod:`cloudnode.store.loading`),
and the block of that height with its operations, with which the new log begins. Then the new database takes the place
of the old one, and the blocks that follow are replayed.

If the state grows too old meanwhile, so that peers give it up, it goes on with a newer one: what did not change is
found to be there. The same after a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Literal

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.block import Header
from cloudnode.formats.checkpoint import CheckpointMissed
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.operation import Operation
from cloudnode.ledger.chunks import read_state
from cloudnode.ledger.reading import Block
from cloudnode.ledger.trie import entry_rows
from cloudnode.node.ledger import Ledger
from cloudnode.node.threads import RunInThread, settled
from cloudnode.peers.answering import Answering
from cloudnode.peers.asking import Asker
from cloudnode.peers.blockcheck import check_ends, check_final
from cloudnode.peers.bodies import fetch_operations
from cloudnode.peers.epochs import KnownEpochs
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import (
    Answer,
    Blocks,
    Epochs,
    GetBlocks,
    GetEpochs,
    GetNodes,
    Nodes,
)
from cloudnode.peers.peer import Peer
from cloudnode.peers.statefetch import StateFetch
from cloudnode.store.epochs import EpochEnd
from cloudnode.store.loading import NotWhole, StateLoader
from cloudnode.store.states import StateRoot

RETRY_SECONDS = 2.0
ENDS_AT_ONCE = 20
SECONDS_LOOKED_AT = 15.0

FINISH_SECONDS_A_ROW = 12e-6
"""About what indexes and sums take at the end, for the estimate alone."""

Stage = Literal["choosing", "fetching", "finishing"]


@attrs.frozen
class StateProgress:
    """How far it is.

    :ivar height: Of the state that is fetched; 0 while none is chosen. :ivar rows: In the database, of ``total``.
    :ivar rows_second: As of late. :ivar seconds_left: None if that can't be said.
    """

    stage: Stage = "choosing"
    height: int = 0
    rows: int = 0
    total: int = 0
    rows_second: float = 0.0
    seconds_left: float | None = None


@attrs.frozen
class Target:
    """The state that is fetched.

    :ivar block: The block after which it is, final. :ivar state: Its root, which a final header carries.
    """

    block: Block
    header: Header
    state: StateRoot

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(map(entry_rows, self.state.entries))


class _Stopped(Exception):
    """The node is stopping."""


class TargetChoice:
    """Finds the newest state that can be had, and what else its database begins with."""

    _log = Logger()

    def __init__(
        self, ledger: Ledger, asker: Asker, run_in_thread: RunInThread, find_epoch: Callable[[int], Epoch | None]
    ) -> None:
        """:param find_epoch: An epoch by its number, if it is known."""
        self._find_epoch = find_epoch
        self._ledger = ledger
        self._asker = asker
        self._run_in_thread = run_in_thread

    async def choose(self) -> Target | None:
        """The newest state whose root is in a final header; None if nobody tells one now.

        :raises CheckpointMissed: It is of another history than the operator's.
        """
        newest = self._asker.newest
        carrier = await self._fetch_block(newest) if newest else None
        if carrier is None or not carrier[1].root_height:
            return None
        header = carrier[1]
        found = await self._fetch_block(header.root_height)
        entries = await self._fetch_entries(header.root_height, header.root)
        if found is None or entries is None or not await self._holds_checkpoint(header.root_height):
            return None
        return Target(*found, StateRoot(header.root_height, entries))

    async def _holds_checkpoint(self, height: int) -> bool:
        """Whether the chain up to a height holds the operator's checkpoint; not, if nobody has that block now.

        That block and the one at the height are each final by validators whom the chain of epochs appointed, so they
        are of one history unless a quorum signed two.
        """
        checkpoint = self._ledger.checkpoint
        if checkpoint is None or checkpoint.height > height:
            return True
        found = await self._fetch_block(checkpoint.height)
        if found is None:
            self._log.warn("No peer has the checkpoint's block {checkpoint}: without it no state is fetched",
                           checkpoint=checkpoint)  # fmt: skip
            return False
        checkpoint.check(found[0].height, found[0].hash)
        return True

    async def fetch_operations(self, block: Block, header: Header) -> list[Operation] | None:
        """The operations of a block, all from one peer; None if it can't or lies, which ends the link with it."""
        epoch = self._find_epoch(header.epoch)
        assert epoch is not None, "the block was checked by its epoch"
        genesis = self._ledger.genesis
        return await fetch_operations(self._asker, self._run_in_thread, block, header, genesis, epoch)

    async def _fetch_block(self, height: int) -> tuple[Block, Header] | None:
        def check(answer: Answer) -> tuple[Block, Header] | None:
            assert isinstance(answer, Blocks)
            if not answer.blocks:
                return None
            # Which epoch it is of is what it says itself; that epoch's validators must have signed it.
            epoch = self._find_epoch(int.from_bytes(answer.blocks[0].header[32:40], "big"))
            if epoch is None:
                return None
            block, header = check_final(answer.blocks[0], epoch)
            if header.height != height:
                raise PeerFault("wrong_block", f"block {header.height} came where block {height} was asked for")
            return block, header

        return await self._asker.ask_one(height, check, GetBlocks, height, 1)

    async def _fetch_entries(self, height: int, root: bytes) -> tuple[bytes, ...] | None:
        def check(answer: Answer) -> tuple[bytes, ...] | None:
            assert isinstance(answer, Nodes)
            return read_state(root, answer.state) if answer.state else None

        return await self._asker.ask_one(height, check, GetNodes, height, ())


class StateSync:
    """Brings a whole state, once.

    :ivar on_done: Called when the new database is in place.
    """

    _log = Logger()

    def __init__(
        self,
        ledger: Ledger,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        peers: Callable[[], Iterable[Peer]],
        epochs: KnownEpochs,
        close_readers: Callable[[], Awaitable[None]],
        answering: Answering,
    ) -> None:
        """:param peers: All open peers. :param close_readers: Closes what else has the database open."""
        self._epochs = epochs
        self.on_done: Callable[[], None] = lambda: None
        self._ledger = ledger
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._close_readers = close_readers
        self._asker = Asker(clock, peers, answering)
        self._fetch: StateFetch | None = None
        self._target: Target | None = None
        self._running: Deferred[None] | None = None
        self._pausing: Deferred[None] | None = None
        self._is_stopped = False
        self._failure: str | None = None
        self._marks: deque[tuple[float, int]] = deque()
        self._finished = 0.0
        self._finishing_since: float | None = None

    @property
    def path(self) -> str:
        """Where the new database is made."""
        return syncing_path(self._ledger.database)

    @property
    def trouble(self) -> str | None:
        """Why it does not go on at present, or None."""
        return self._failure or (None if self._fetch is None else self._fetch.trouble)

    def start(self) -> None:
        """Begin, or go on where an earlier one was. No data is served from now on."""
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._broken)

    async def stop(self) -> None:
        """Fetch nothing more, once the thread is done; what came is kept for the next time."""
        self._is_stopped = True
        if self._fetch is not None:
            self._fetch.stop()
        self._go_on()
        if self._running is not None:
            await settled(self._running)

    def time_passed(self, now: float) -> None:
        """Look what can be done now; to be called about once a second."""
        if self._fetch is not None:
            self._marks.append((now, self._fetch.plan.done))
            while self._marks[0][0] < now - SECONDS_LOOKED_AT:
                self._marks.popleft()
            self._fetch.pump()

    def progress(self) -> StateProgress:
        """How far it is."""
        fetch, target = self._fetch, self._target
        if fetch is None or target is None:
            return StateProgress()
        plan, height = fetch.plan, target.block.height
        finishing = plan.total * FINISH_SECONDS_A_ROW
        if self._finishing_since is not None:
            spent = self._clock.seconds() - self._finishing_since
            left = max(0.0, finishing - spent) if self._finished < 0.2 else spent / self._finished - spent
            return StateProgress("finishing", height, plan.done, plan.total, 0.0, left)
        rate = 0.0
        if len(self._marks) > 1:
            (began, low), (ended, high) = self._marks[0], self._marks[-1]
            rate = (high - low) / max(ended - began, 1e-3)
        seconds_left = (plan.total - plan.done) / rate + finishing if rate > 0 else None
        return StateProgress("fetching", height, plan.done, plan.total, rate, seconds_left)

    def _broken(self, failure: Failure) -> None:
        if failure.check(CheckpointMissed) is not None:
            self._failure = failure.getErrorMessage()
            self._log.critical("No state is fetched: {trouble}", trouble=self._failure)
        elif failure.check(_Stopped) is None:
            self._failure = f"state sync failed: {failure.getErrorMessage()}"
            self._log.failure("State sync failed", failure)

    async def _run(self) -> None:
        await self._ledger.begin_syncing()
        loader = await self._run_in_thread(StateLoader.open, self.path, self._ledger.genesis)
        try:
            target = await self._load(loader)
        finally:
            await self._run_in_thread(loader.close)
        await self._close_readers()
        await self._ledger.adopt(self.path)
        self._log.info("This node has the state at height {height}: from here on it follows the blocks",
                       height=target.block.height)  # fmt: skip
        self.on_done()

    async def _load(self, loader: StateLoader) -> Target:
        """Fill the new database, by one state or more, one after the other."""
        is_fresh = loader.began_empty

        def find_epoch(number: int) -> Epoch | None:
            return self._epochs.get(number) or loader.find_epoch(number)

        choice = TargetChoice(self._ledger, self._asker, self._run_in_thread, find_epoch)
        while True:
            self._check_stopped()
            self._asker.forget()
            await self._fetch_ends(loader)
            target = await choice.choose()
            operations = None if target is None else await choice.fetch_operations(target.block, target.header)
            self._check_stopped()
            if target is None or operations is None:
                await self._pause()
                continue
            self._log.info("Fetching the state at height {height}: {rows} rows",
                           height=target.block.height, rows=target.rows)  # fmt: skip
            self._target = target
            self._marks.clear()
            self._fetch = StateFetch(
                target.state, loader, self._asker, self._clock, self._run_in_thread, is_fresh=is_fresh
            )
            is_fresh = False
            is_whole = await self._fetch.run()
            self._check_stopped()
            if not is_whole:
                self._log.info("The state at height {height} can no longer be had: going on with a newer one",
                               height=target.block.height)  # fmt: skip
                continue
            try:
                await self._finish(loader, target, operations)
            except NotWhole as error:
                self._log.error("The state is gone through again: {error}", error=error)
                continue
            return target

    async def _fetch_ends(self, loader: StateLoader) -> None:
        """Bring how the epochs ended: from the database in use, and what came after from peers."""
        epoch = loader.epoch
        while ends := list(islice(self._ledger.epochs(epoch.number), ENDS_AT_ONCE)):
            await self._run_in_thread(loader.put_ends, ends)
            epoch = loader.epoch
        while True:

            def check(answer: Answer, epoch: Epoch = epoch) -> list[tuple[EpochEnd, Epoch]] | None:
                assert isinstance(answer, Epochs)
                found = check_ends(answer.ends, epoch) if answer.ends else None
                self._epochs.check(Header.decode(end.header) for end, _ in found or ())
                return found

            found = await self._asker.ask_one(1, check, GetEpochs, epoch.number)
            if found is None:
                self._asker.forget()
                return
            await self._run_in_thread(loader.put_ends, [end for end, _ in found])
            epoch = found[-1][1]
            for end, after in found:
                self._epochs.reached(after, Header.decode(end.header))

    async def _finish(self, loader: StateLoader, target: Target, operations: Sequence[Operation]) -> None:
        self._finishing_since, self._finished = self._clock.seconds(), 0.0

        def finish() -> None:
            for self._finished in loader.finish_in_steps(target.state, target.block, operations):
                if self._is_stopped:
                    raise _Stopped

        try:
            await self._run_in_thread(finish)
        finally:
            self._finishing_since = None

    async def _pause(self) -> None:
        """Wait a little, unless the node stops."""
        self._pausing = Deferred()
        call = self._clock.callLater(RETRY_SECONDS, self._go_on)
        await self._pausing
        if call.active():
            call.cancel()
        self._check_stopped()

    def _go_on(self) -> None:
        pausing, self._pausing = self._pausing, None
        if pausing is not None:
            pausing.callback(None)

    def _check_stopped(self) -> None:
        if self._is_stopped:
            raise _Stopped


def syncing_path(database: str) -> str:
    """Where a new database is made beside the one in use."""
    return f"{database}.sync"
