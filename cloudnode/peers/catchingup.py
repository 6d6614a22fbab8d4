"""How a follower comes to the height of its peers: by replaying the blocks, or by fetching a recent state.

Replay leaves a node with the whole log; the state comes in a small part of the time. What is done is the operator's
choice, or decided here: by how much there is to replay as far as that can be told before, and by how long it will take
as soon as that can be measured. A state sync that a stop or a crash interrupted is gone on with.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.checkpoint import CheckpointMissed
from cloudnode.ledger.trie import entry_rows
from cloudnode.node.ledger import Ledger
from cloudnode.node.receiving import OperationReceiver
from cloudnode.node.threads import RunInThread
from cloudnode.peers.answering import Answering
from cloudnode.peers.asking import Asker
from cloudnode.peers.download import Download
from cloudnode.peers.epochs import KnownEpochs
from cloudnode.peers.peer import Peer
from cloudnode.peers.progress import LOG_SECONDS, Progress
from cloudnode.peers.statesync import StateProgress, StateSync, TargetChoice, syncing_path
from cloudnode.store.loading import remove_database

SyncSetting = Literal["auto", "replay", "state"]

ROWS_SECOND = 30_000.0
"""Of a state that is fetched, about; and so many of the log's:"""
OPERATIONS_SECOND = 4_500.0
BLOCKS_SECOND = 1_000.0

WORTH_SECONDS = 60.0
"""The state is fetched if that is so much sooner than replay."""

WORTH_SECONDS_EMPTY = 10.0
"""The same where there is no log yet that would have a gap."""

FEW_BLOCKS = 100
"""So many are replayed whatever the operator chose."""

MEASURED_SECONDS = 15.0
"""Replay goes on for so long before it is judged by how long the rest will take."""


def replay_seconds(blocks: int, rows: int) -> float:
    """About how long it takes to replay so many blocks that led to a state of so many rows, each by one operation."""
    return blocks / BLOCKS_SECOND + rows / OPERATIONS_SECOND


def state_seconds(rows: int) -> float:
    """About how long it takes to fetch a state."""
    return 2.0 + rows / ROWS_SECOND


class CatchingUp:
    """Decides, and has it done.

    :ivar download: What brings blocks. :ivar state_sync: What brings the state now, or None.
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
        close_readers: Callable[[], Awaitable[None]],
        setting: SyncSetting,
        answering: Answering,
        receiver: OperationReceiver | None = None,
    ) -> None:
        """
        :param peers: All open peers. :param is_coming: Whether gossip is about to bring an operation.
        :param close_readers: Closes what else has the database open.
        :param receiver: See :class:`~cloudnode.peers.download.Download`.
        """
        self.state_sync: StateSync | None = None
        self.download = Download(ledger, clock, run_in_thread, peers, epochs, is_coming, answering, receiver)
        self._ledger = ledger
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._peers = peers
        self._epochs = epochs
        self._close_readers = close_readers
        self._setting = setting
        self._answering = answering
        self._asker = Asker(clock, peers, answering)
        self._replaying_since: float | None = None
        self._is_asking = False
        self._is_stopped = False
        self._next_log = 0.0
        self._trouble: str | None = None
        if setting == "replay":
            remove_database(syncing_path(ledger.database))
        if setting == "replay" or ledger.role == "validator":
            # Who makes the blocks has nobody to wait for.
            self._replay()
        else:
            self.download.is_held = True

    @property
    def trouble(self) -> str | None:
        """Why it does not go on, or None."""
        if self.state_sync is not None:
            return self.state_sync.trouble or self._epochs.trouble
        return self.download.trouble or self._trouble or self._epochs.trouble

    @property
    def state_progress(self) -> StateProgress | None:
        """How far the state sync is that is under way, if one is."""
        return None if self.state_sync is None else self.state_sync.progress()

    async def stop(self) -> None:
        """Fetch nothing more."""
        self._is_stopped = True
        self.download.stop()
        if self.state_sync is not None:
            await self.state_sync.stop()

    def time_passed(self, now: float, progress: Progress) -> None:
        """Look what is to be done; to be called about once a second.

        :param progress: Of replay.
        """
        if self.state_sync is not None:
            self.state_sync.time_passed(now)
            self._log_progress(now, self.state_sync.progress())
            return
        if self._replaying_since is None:
            self._decide()
        elif self._may_fetch and self._is_better_fetched(now, progress):
            self.begin_state_sync()
        self.download.pump()

    @property
    def _may_fetch(self) -> bool:
        """Whether the state may be fetched at all: not while this node votes."""
        validator = self._ledger.validator
        is_voting = validator is not None and validator.is_voting
        return self._setting != "replay" and self._ledger.state == "serving" and not is_voting

    def begin_state_sync(self) -> None:
        """Fetch the state, whatever this node has; until it is there, no data is served."""
        if self.state_sync is not None or self._is_stopped:
            return
        self.download.is_held = True
        self.state_sync = StateSync(
            self._ledger, self._clock, self._run_in_thread, self._peers, self._epochs, self._close_readers,
            self._answering,
        )  # fmt: skip
        self.state_sync.on_done = self._state_came
        self.state_sync.start()

    def begin_anew(self) -> None:
        """The database is a new one: decide again how to begin."""
        self.download.is_held = True
        self._replaying_since = None
        self.download.restart()

    def _state_came(self) -> None:
        self.state_sync = None
        self._replay()
        self.download.restart()

    def _replay(self) -> None:
        self._replaying_since = self._clock.seconds()
        self.download.is_held = False

    # Before anything is done

    def _decide(self) -> None:
        """Decide how to begin, as soon as a peer tells how far the network is."""
        head, newest = self._ledger.head.height, self._asker.newest
        if self._setting == "replay" or self._ledger.state != "serving":
            self._replay()
        elif not newest or self._is_asking:
            return
        elif os.path.exists(syncing_path(self._ledger.database)):
            self._log.info("A state sync was interrupted: going on with it")
            self.begin_state_sync()
        elif self._setting == "state":
            if head and newest - head <= FEW_BLOCKS:
                self._replay()
            else:
                self.begin_state_sync()
        elif head or replay_seconds(newest, 0) > WORTH_SECONDS_EMPTY:
            # With a log, replay is begun and measured.
            self._replay() if head else self.begin_state_sync()
        else:
            self._is_asking = True
            choice = TargetChoice(self._ledger, self._asker, self._run_in_thread, self._epochs.get)
            asking = Deferred.fromCoroutine(choice.choose())
            asking.addCallback(lambda target: self._told_rows(0 if target is None else target.rows))
            asking.addErrback(self._not_told)

    def _told_rows(self, rows: int) -> None:
        self._is_asking = False
        blocks = self._asker.newest
        if self._replaying_since is not None or self._is_stopped:
            return
        if not self._can_replay() or replay_seconds(blocks, rows) - state_seconds(rows) > WORTH_SECONDS_EMPTY:
            self.begin_state_sync()
        else:
            self._replay()

    def _not_told(self, failure: Failure) -> None:
        self._is_asking = False
        # Another history than the operator's: replay comes to the checkpoint, stops there and says so.
        if failure.check(CheckpointMissed) is None:
            self._log.failure("How much there is to replay could not be found out", failure)
        self._replay()

    # While blocks are replayed

    def _can_replay(self) -> bool:
        """Whether a peer has the next block, or none is needed."""
        wanted = self._ledger.head.height + 1
        ahead = [peer for peer in self._peers() if peer.height >= wanted]
        return not ahead or any(peer.blocks_from <= wanted for peer in ahead)

    def _is_better_fetched(self, now: float, progress: Progress) -> bool:
        if not self._can_replay():
            return self._asker.newest - self._ledger.head.height > 1
        assert self._replaying_since is not None
        if now - self._replaying_since < MEASURED_SECONDS or progress.target - progress.height <= FEW_BLOCKS:
            return False
        rows = sum(map(entry_rows, self._ledger.state_root.entries))
        return progress.seconds_left is not None and progress.seconds_left - state_seconds(rows) > WORTH_SECONDS

    def _log_progress(self, now: float, progress: StateProgress) -> None:
        if now < self._next_log or not progress.total:
            return
        self._next_log = now + LOG_SECONDS
        self._log.info(
            "State at height {height}: {rows} of {total} rows, {rate:.0f} rows/s, {stage}{left}",
            height=progress.height, rows=progress.rows, total=progress.total, rate=progress.rows_second,
            stage=progress.stage, left="" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left",
        )  # fmt: skip
