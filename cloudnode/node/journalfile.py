"""The journal on disk: a validator's own votes, and the bodies of the operations in the blocks that it voted for.

What is appended is on disk when the Deferred fires. Writing and syncing happen in a thread; one append at a time. A
failed append leaves the file as if it had not been, up to what the next append overwrites, so it can be tried again, or
something else in its place. When most of the file is needed no longer it is written anew, whole or not at all; where
there is no room for that, it just grows.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from twisted.internet.defer import Deferred

from cloudnode.consensus.errors import ConsensusError
from cloudnode.consensus.journal import (
    HEAD_SIZE,
    JournalContent,
    Record,
    encode_floor,
    journal_head,
    keep,
    read_journal,
)
from cloudnode.formats.block import HEADER_SIZE
from cloudnode.node.datadir import sync_directory
from cloudnode.node.threads import RunInThread

COMPACT_BYTES = 16 * 1024 * 1024
"""A journal that is longer than this is written anew if half of it is needed no longer."""

_MODE = 0o600


class JournalError(Exception):
    """A journal that can't be used; the text is one line for the operator."""


class JournalFile:
    """An open journal.

    :ivar records: What is needed of what was appended, in order.
    :ivar floor: Up to where votes were dropped, because the blocks that they were for are executed.
    """

    def __init__(
        self, path: Path, run_in_thread: RunInThread, head: bytes, descriptor: int, content: JournalContent
    ) -> None:
        """Made by :meth:`open`."""
        self.records = list(content.records)
        self.floor = content.floor
        self._path = path
        self._run_in_thread = run_in_thread
        self._head = head
        self._descriptor = descriptor
        self._length = content.length
        self._compact_above = COMPACT_BYTES
        self._is_name_synced = True
        self._needed = len(head) + sum(_size(record) for record in self.records)

    @classmethod
    def open(
        cls, path: Path, run_in_thread: RunInThread, network: bytes, public: bytes, max_operations: int
    ) -> JournalFile:
        """Open a validator's journal, which the data directory was made with.

        :param public: The validator's key. :param max_operations: Of a block.
        :raises JournalError: It is missing, damaged, another validator's, or can't be read or written.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise JournalError(
                f"{path} is missing, and with it what this validator has signed: if it voted again it could contradict "
                "itself. Put the file back, or let the other validators appoint a new key; if this key never voted, "
                "'cloudnode init DATADIR --new-journal' begins one (docs/operations.md)"
            ) from None
        except OSError as error:
            raise JournalError(f"cannot open {path}: {error.strerror or error}") from None
        try:
            head = journal_head(network, public)
            raw = _read_all(descriptor)
            content = read_journal(raw, network, public, max_operations)
            if content.length < HEAD_SIZE:
                # The data directory was made with a whole head.
                raise JournalError(f"{path} is cut off at its head; docs/operations.md says what to do")
            return cls(path, run_in_thread, head, descriptor, content)
        except ConsensusError as error:
            os.close(descriptor)
            raise JournalError(f"{path}: {error}; docs/operations.md says what to do") from None
        except OSError as error:
            os.close(descriptor)
            raise JournalError(f"cannot use {path}: {error.strerror or error}") from None
        except BaseException:
            os.close(descriptor)
            raise

    def append(self, records: Sequence[Record]) -> Deferred[None]:
        """Put records on disk.

        :return: Fires when they are there, or with :class:`OSError`; then none of them is, and the same may be tried
            again. Not to be called before the one before has fired.
        """
        added = b"".join(record.encode() for record in records)
        length = self._length + len(added)
        if length > self._compact_above and self._needed + len(added) < length // 2:
            records_kept = (record.encode() for record in self.records)
            kept = b"".join((self._head, encode_floor(self.floor), *records_kept))
            done: Deferred[None] = self._run_in_thread(self._rewrite_and_write, kept, added)
        else:
            done = self._run_in_thread(self._write, added)

        def appended(_: object) -> None:
            self.records.extend(records)
            self._length += len(added)
            self._needed += len(added)

        return done.addCallback(appended)

    def prune(self, epoch: int, view: int) -> None:
        """Records of earlier epochs, and of this one up to this view, are needed no longer."""
        self.records, dropped = keep(self.records, epoch, view)
        self.floor = max(self.floor, dropped)
        self._needed = len(self._head) + sum(_size(record) for record in self.records)

    def close(self) -> None:
        """Close the file; no append may be under way."""
        os.close(self._descriptor)

    # In the thread

    def _write(self, added: bytes) -> None:
        if not self._is_name_synced:
            sync_directory(self._path.parent)
            self._is_name_synced = True
        _write_at(self._descriptor, added, self._length)

    def _rewrite_and_write(self, kept: bytes, added: bytes) -> None:
        try:
            self._rewrite(kept)
        except OSError:
            # A full disk may have room for a vote still, and what is in the file is good.
            self._compact_above = self._length + COMPACT_BYTES
        self._write(added)

    def _rewrite(self, kept: bytes) -> None:
        """Write the whole file anew, without what is needed no longer.

        :raises OSError: The file is what it was, and open still.
        """
        path = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
        try:
            _write_at(descriptor, kept, 0)
            os.rename(path, self._path)
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        # From here on the name is the new file's, even if the directory can't be synced; no vote counts before it is.
        self._is_name_synced = False
        os.close(self._descriptor)
        self._descriptor, self._length = descriptor, len(kept)
        self._compact_above = COMPACT_BYTES


def _size(record: Record) -> int:
    block = 0 if record.entry.block is None else HEADER_SIZE + 32 * len(record.entry.block.ids)
    return 200 + block + sum(8 + len(each) for each in record.attachments)


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read()


def _write_at(descriptor: int, content: bytes, offset: int) -> None:
    """Write and sync; what was behind is cut off first, so that nothing of a failed attempt is left."""
    os.ftruncate(descriptor, offset)
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
    os.fsync(descriptor)
