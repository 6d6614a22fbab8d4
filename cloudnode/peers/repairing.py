"""Repair: what this node does by itself when its database is damaged, or is not what the validators signed.

Theory of operation. The newest header in the log whose finality is proven names a height and its state root. A node
that has that height is asked for the tables' entries, then for inner nodes where they differ from what this node's rows
make, and for rows where little differs (:mod:`cloudnode.store.repair.mending`). Blocks that are damaged come first,
since the newest of them are written again. If the file is too damaged for that, it is put aside and made anew.

Nothing is begun while nobody can tell the truth. What fails is tried again, at growing intervals; and if damage comes
back soon after it was repaired, the machine is at fault: then that is said, and the next repair waits longer each time.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.errors import LedgerError
from cloudnode.ledger.reading import Damage, Place, Spots
from cloudnode.node.ledger import Ledger
from cloudnode.node.threads import RunInThread, settled
from cloudnode.peers.answering import Answering
from cloudnode.peers.asking import Asker
from cloudnode.peers.peer import Peer
from cloudnode.peers.truth import NobodyTells, Truth
from cloudnode.store.connection import connect
from cloudnode.store.repair.failure import MendingFailed
from cloudnode.store.repair.log import replace_block
from cloudnode.store.repair.mending import Difference, Mended, StateMending
from cloudnode.store.repair.target import Target, find_targets
from cloudnode.store.states import StateRoot

CACHE_KIB = 65_536
ATTEMPTS = 4
"""So often one repair is begun anew when it finds more that is damaged."""

RETRY_SECONDS = 5.0
RETRY_SECONDS_MAX = 600.0

OFTEN = 3
OFTEN_SECONDS = 1800.0
"""The same damage so many times within so long says that the machine is at fault."""

BACK_OFF_SECONDS = 60.0

ALONE = (
    "no other node is linked that has this data, and a node alone can't repair itself: link it with one (--join), or "
    "put a backup in place (docs/operations.md, A damaged database)"
)


class Repairs:
    """Repairs a node's database whenever there is damage."""

    _log = Logger()

    def __init__(
        self,
        ledger: Ledger,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        peers: Callable[[], Iterable[Peer]],
        close_readers: Callable[[], Awaitable[None]],
        on_new: Callable[[], None],
        answering: Answering,
    ) -> None:
        """
        :param peers: All open peers. :param close_readers: Closes what else has the database open.
        :param on_new: Called when the database is a new one, at height 0.
        """
        self._ledger = ledger
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._close_readers = close_readers
        self._on_new = on_new
        self._asker = Asker(clock, peers, answering)
        self._truth = Truth(ledger, self._asker, run_in_thread)
        self._running: Deferred[None] | None = None
        self._mending: StateMending | None = None
        self._not_before = 0.0
        self._failures = 0
        self._finished: deque[tuple[float, frozenset[str]]] = deque(maxlen=32)
        self._soon: IDelayedCall | None = None
        ledger.on_damage = self._damage_known

    def _damage_known(self) -> None:
        """In a turn of its own, since it is said by the audit, which a repair stops."""
        if self._soon is None:
            self._soon = self._clock.callLater(0, self._look)

    def _look(self) -> None:
        self._soon = None
        self.time_passed(self._clock.seconds())

    def time_passed(self, now: float) -> None:
        """Look whether there is something to repair; to be called about once a second."""
        if self._running is not None:
            if self._mending is not None:
                self._ledger.show_repair("comparing all rows with the signed state", self._mending.done)
            return
        damage = self._ledger.damage
        if damage is None or now < self._not_before:
            return
        if not self._asker.newest:
            self._ledger.fail_repair(ALONE, damage)
            return
        self._running = Deferred.fromCoroutine(self._run(damage))
        self._running.addErrback(self._broken, damage)
        self._running.addBoth(self._over)

    async def stop(self) -> None:
        """Wait for the end of a repair under way; peers that are gone by then end it soon."""
        self._ledger.on_damage = lambda: None
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._running is not None:
            await settled(self._running)

    def _over(self, _: object) -> None:
        self._running = None

    def _broken(self, failure: Failure, damage: Damage) -> None:
        self._log.failure("A repair failed", failure)
        self._fail(f"the repair itself failed: {failure.getErrorMessage()}", damage)

    def _fail(self, trouble: str, damage: Damage) -> None:
        self._failures += 1
        wait = min(RETRY_SECONDS_MAX, RETRY_SECONDS * 2 ** (self._failures - 1))
        self._not_before = self._clock.seconds() + wait
        self._ledger.fail_repair(f"{trouble}; trying again in {wait:.0f} s", damage)

    async def _run(self, damage: Damage) -> None:
        try:
            await self._ledger.begin_repair()
        except LedgerError:
            return
        self._asker.forget()
        findings = frozenset(self._ledger.audit.findings)
        try:
            done = await self._repair(damage)
            if not done.rows_written and any(findings & before for _, before in self._finished):
                raise MendingFailed(f"the repair finds nothing to replace, but the damage is there: {min(findings)}")
        except NobodyTells as error:
            self._fail(str(error), damage)
            return
        except MendingFailed as error:
            await self._start_over(str(error), findings, damage)
            return
        self._succeed(str(done), findings)

    def _succeed(self, done: str, findings: frozenset[str]) -> None:
        now = self._clock.seconds()
        self._failures = 0
        self._ledger.end_repair(done)
        self._finished.append((now, findings))
        recent = sum(at > now - OFTEN_SECONDS and bool(found & findings) for at, found in self._finished)
        if recent >= OFTEN:
            wait = min(RETRY_SECONDS_MAX * 6, BACK_OFF_SECONDS * 2 ** (recent - OFTEN))
            self._not_before = now + wait
            self._ledger.warn_of_machine(
                f"the same damage was repaired {recent} times within {OFTEN_SECONDS / 60:.0f} minutes: the disk or the "
                "memory of this machine is failing, or something else writes to the database; the next repair waits "
                f"for {wait:.0f} s"
            )

    async def _start_over(self, reason: str, findings: frozenset[str], damage: Damage) -> None:
        """Go on with a new database, and keep this one for whoever wants to know what happened to it."""
        self._log.critical("The database can't be mended: {reason}", reason=reason)
        self._finished.append((self._clock.seconds(), findings))
        await self._close_readers()
        try:
            self._ledger.start_over()
        except OSError as error:
            self._fail(f"the damaged database can't be put aside: {error}", damage)
            return
        self._on_new()

    async def _repair(self, damage: Damage) -> Mended:
        """Repair what is known to be damaged and what comes to light with it.

        :raises NobodyTells: :raises MendingFailed: The database has to be made anew.
        """
        heights: Sequence[int] = damage.heights
        is_torn = damage.is_torn
        blocks = 0
        if damage.spots is not None:
            mended = await self._mend_spots(damage.spots)
            if mended is not None:
                return mended
        for _ in range(ATTEMPTS):
            try:
                blocks += await self._mend_log(heights)
                if damage.is_log_only and blocks:
                    # The rest was compared by the audit that found it; another one follows in any case.
                    return Mended(self._ledger.head.height, {}, {"the log": blocks}, None)
                mended = await self._mend_state(is_torn)
            except MendingFailed as error:
                if not error.heights:
                    raise
                heights = error.heights
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise NobodyTells(f"the database can't be written: {error}") from error
                if is_torn:
                    raise MendingFailed(str(error)) from error
                is_torn = True
            else:
                return attrs.evolve(mended, others=mended.others | ({"the log": blocks} if blocks else {}))
        raise MendingFailed("each attempt found more damage")

    async def _mend_spots(self, spots: Spots) -> Mended | None:
        """Repair what is known to be damaged and nothing else; None if there is more to it.

        :raises NobodyTells: As :meth:`_repair`.
        """
        try:
            blocks = await self._mend_log(spots.heights)
            mended = Mended(self._ledger.head.height, {}, {}, None)
            if spots.places or spots.indexes:
                mended = await self._mend_state(spots.indexes, spots.places)
        except NobodyTells:
            raise
        except sqlite3.OperationalError as error:
            raise NobodyTells(f"the database can't be written: {error}") from error
        except (MendingFailed, sqlite3.DatabaseError) as error:
            self._log.warn("Not only what was found is damaged, so all rows are compared: {error}", error=error)
            return None
        except Exception:
            # Damaged values can be of any type and size. The repair of all rows takes none of them as it is.
            self._log.failure("A repair of what was found failed, so all rows are compared")
            return None
        if not blocks and not mended.rows_written:
            return None
        return attrs.evolve(mended, others=mended.others | ({"the log": blocks} if blocks else {}))

    async def _mend_log(self, heights: Sequence[int]) -> int:
        written = 0
        for number, height in enumerate(heights):
            self._ledger.show_repair(f"fetching block {height} of the log", number / len(heights))
            block, operations = await self._truth.block(height)
            written += await self._run_in_thread(self._write_block, block, operations)
        return written

    def _write_block(self, *arguments: object) -> int:
        """In the thread."""
        connection = connect(self._ledger.database)
        try:
            connection.execute("BEGIN IMMEDIATE")
            written = replace_block(connection, *arguments)  # type: ignore[arg-type]
            connection.execute("COMMIT")
            return written
        finally:
            connection.close()

    async def _mend_state(
        self, remake_indexes: bool | Sequence[str], places: Sequence[Place] | None = None
    ) -> Mended:
        """:param places: Where to look; everywhere if None."""
        self._ledger.show_repair("choosing a signed state")
        targets = await self._run_in_thread(find_targets, self._ledger.database, self._ledger.genesis)
        target, true = await self._choose(targets)
        connection = connect(self._ledger.database, cache_kib=CACHE_KIB)
        mending = StateMending(connection, self._ledger.genesis, target.height)
        try:
            self._mending = mending
            await self._run_in_thread(_compare, mending, true, remake_indexes, places)
            self._mending = None
            await self._descend(mending, target.height)
            self._ledger.show_repair("making anew what follows from the rows", 0.9)
            mended: Mended = await self._run_in_thread(mending.finish)
            return mended
        finally:
            self._mending = None
            mending.abandon()
            connection.close()

    async def _choose(self, targets: Sequence[Target]) -> tuple[Target, StateRoot]:
        for number, target in enumerate(targets):
            try:
                return target, await self._truth.state(target.height, target.root)
            except NobodyTells:
                if number + 1 == len(targets):
                    raise
        raise NobodyTells("no final block is here yet whose state could be asked for")

    async def _descend(self, mending: StateMending, height: int) -> None:
        """Fetch what differs, from the top of the trie down."""
        while differences := mending.take_differences():
            self._ledger.show_repair("fetching what differs", 0.5)
            by_node = [each for each in differences if not each.by_rows]
            by_rows = [each for each in differences if each.by_rows]
            while by_rows:
                chunks = await self._truth.rows(height, by_rows)
                for each, chunk in zip(by_rows, chunks, strict=False):
                    if chunk is None:
                        by_node.append(each)
                await self._run_in_thread(_take_rows, mending, [chunk for chunk in chunks if chunk is not None])
                del by_rows[: len(chunks)]
            while by_node:
                nodes = await self._truth.nodes(height, by_node)
                await self._run_in_thread(_take_nodes, mending, by_node[: len(nodes)], nodes)
                del by_node[: len(nodes)]


def _compare(
    mending: StateMending, true: StateRoot, remake_indexes: bool | Sequence[str], places: Sequence[Place] | None
) -> None:
    """In the thread."""
    mending.begin(remake_indexes=remake_indexes)
    if places is not None:
        mending.compare_at(true, places)
        return
    for done in mending.compare(true):
        mending.done = done


def _take_rows(mending: StateMending, chunks: Sequence[object]) -> None:
    for chunk in chunks:
        mending.take_rows(chunk)  # type: ignore[arg-type]


def _take_nodes(mending: StateMending, at: Sequence[Difference], nodes: Sequence[object]) -> None:
    for place, node in zip(at, nodes, strict=True):
        mending.take_node(place, node)  # type: ignore[arg-type]
