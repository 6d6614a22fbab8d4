"""The journal on disk: a validator's own votes, and the bodies of the operations in the blocks that it voted for.

What is appended is on disk when the Deferred fires. Writing and syncing happen in a thread; one append at a time. A
failed append leaves the file as if it had not been, up to what the next append overwrites, so it can be tried again.
When most of the file is needed no longer it is written anew, whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from twisted.internet.defer import Deferred

from cloudnode.consensus.errors import ConsensusError
from cloudnode.consensus.journal import HEAD_SIZE, Record, journal_head, keep, read_journal
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
    """

    def __init__(
        self, path: Path, run_in_thread: RunInThread, head: bytes, descriptor: int, records: list[Record], length: int
    ) -> None:
        """Made by :meth:`open`."""
        self.records = records
        self._path = path
        self._run_in_thread = run_in_thread
        self._head = head
        self._descriptor = descriptor
        self._length = length
        self._needed = len(head) + sum(_size(record) for record in records)

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
            records, length = read_journal(raw, network, public, max_operations)
            if length < HEAD_SIZE:
                # The data directory was made with a whole head.
                raise JournalError(f"{path} is cut off at its head; docs/operations.md says what to do")
            return cls(path, run_in_thread, head, descriptor, records, length)
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
        needed = self._needed + len(added)
        rewritten = self._length + len(added) > COMPACT_BYTES and needed < (self._length + len(added)) // 2
        if rewritten:
            kept = b"".join((self._head, *(record.encode() for record in self.records), added))
            done: Deferred[None] = self._run_in_thread(self._rewrite, kept)
        else:
            done = self._run_in_thread(_write_at, self._descriptor, added, self._length)

        def appended(_: object) -> None:
            self.records.extend(records)
            self._needed = needed
            if not rewritten:
                self._length += len(added)

        return done.addCallback(appended)

    def prune(self, epoch: int, view: int) -> None:
        """Records of earlier epochs, and of this one up to this view, are needed no longer."""
        self.records = keep(self.records, epoch, view)
        self._needed = len(self._head) + sum(_size(record) for record in self.records)

    def close(self) -> None:
        """Close the file; no append may be under way."""
        os.close(self._descriptor)

    def _rewrite(self, content: bytes) -> None:
        """In the thread: the whole file anew."""
        path = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
        try:
            _write_at(descriptor, content, 0)
            path.rename(self._path)
            sync_directory(self._path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor, self._length = descriptor, len(content)


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
