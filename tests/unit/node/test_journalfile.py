"""The journal's file: what is on disk after each append, each failure, each start."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.effects import Entry
from cloudnode.consensus.journal import HEAD_SIZE, Record, journal_head
from cloudnode.formats.block import NOTARIZE, SKIP
from cloudnode.node import datadir, journalfile
from cloudnode.node.journalfile import JournalError, JournalFile
from tests.unit.consensus.scene import NETWORK, OPERATION, VALIDATORS, block, vote
from tests.unit.node.faultydisk import FaultyOs
from tests.unit.node.nodes import run_at_once

BLOCK = block(None, 0, (OPERATION,))


def record(view: int, size: int = 300) -> Record:
    return Record(Entry(vote(0, SKIP, view)), (b"x" * size,))


class JournalFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.mkdir()
        self.path /= "journal"
        self.path.write_bytes(journal_head(NETWORK, VALIDATORS[0]))
        self.refused: set[str] = set()
        self.calls: list[str] = []
        self.os = FaultyOs(self.watch)
        self.patch(journalfile, "os", self.os)
        self.patch(datadir, "os", self.os)
        self.journal = self.open()

    def watch(self, name: str, path: str, call: Callable[[], Any]) -> Any:
        self.calls.append(f"{name} {Path(path).name}")
        if name in self.refused or self.calls[-1] in self.refused:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call()

    def open(self) -> JournalFile:
        journal = JournalFile.open(self.path, run_at_once, NETWORK, VALIDATORS[0], 10)
        self.addCleanup(journal.close)
        return journal

    def append(self, *records: Record) -> None:
        self.successResultOf(self.journal.append(records))

    def fail(self, *records: Record) -> None:  # type: ignore[override]
        self.failureResultOf(self.journal.append(records), OSError)

    def kept(self) -> list[Record]:
        """What a start would find."""
        return self.open().records

    def test_append(self) -> None:
        """What was appended is synced, and found by the next start."""
        records = [record(0), Record(Entry(vote(0, NOTARIZE, 1, BLOCK.hash), block=BLOCK), (b"body",))]
        self.append(*records)
        self.append(record(2))
        self.assertEqual(self.calls, ["ftruncate journal", "pwrite journal", "fsync journal"] * 2)
        self.assertEqual(self.kept(), [*records, record(2)])
        self.assertEqual(self.journal.records, [*records, record(2)])

    def test_written_in_parts(self) -> None:
        """The system may write less than it was asked to."""
        self.os.most = lambda size: min(size, 100)
        self.append(record(0), record(1))
        self.assertEqual(self.kept(), [record(0), record(1)])

    def test_failed(self) -> None:
        """Wherever an append fails, nothing of it counts; the same or another one can follow."""
        self.append(record(0))
        for call in ("ftruncate", "pwrite", "fsync"):
            self.refused = {call}
            self.fail(record(1, size=1_000))
            self.assertEqual(self.journal.records, [record(0)])
        self.refused = set()
        self.append(record(2))
        self.assertEqual(self.kept(), [record(0), record(2)])
        self.assertEqual(self.path.stat().st_size, HEAD_SIZE + sum(len(record(n).encode()) for n in (0, 2)))

    def test_torn(self) -> None:
        """What a crash left of an append is cut off by the next one."""
        self.append(record(0))
        with self.path.open("ab") as file:
            file.write(record(1).encode()[:-5])
        self.journal = self.open()
        self.assertEqual(self.journal.records, [record(0)])
        self.append(record(2))
        self.assertEqual(self.kept(), [record(0), record(2)])

    def fill(self) -> None:
        """So much that the next append writes the file anew with the last two entries."""
        self.patch(journalfile, "COMPACT_BYTES", 10_000)
        self.journal = self.open()
        for view in range(25):
            self.append(record(view))
        self.journal.prune(0, 22)
        self.calls.clear()

    def test_compaction(self) -> None:
        """A long file is written anew, with what is needed still."""
        self.fill()
        self.append(record(25))
        self.assertEqual(
            self.calls,
            [
                "ftruncate journal.new", "pwrite journal.new", "fsync journal.new", "rename journal",
                f"fsync {self.path.parent.name}", "ftruncate journal", "pwrite journal", "fsync journal",
            ],
        )  # fmt: skip
        self.append(record(26))
        self.assertEqual(self.kept(), [record(view) for view in range(23, 27)])
        self.assertLess(self.path.stat().st_size, 3_000)

    def test_no_room_for_compaction(self) -> None:
        """Where there is no room for a second file, the first one grows, and nothing is left of the attempt."""
        self.fill()
        before = self.path.stat().st_size
        for refused in ("ftruncate journal.new", "pwrite journal.new", "fsync journal.new", "rename"):
            self.refused = {refused}
            self.journal._compact_above = 0
            self.append(record(25))
            self.assertEqual(os.listdir(self.path.parent), ["journal"])
        self.assertEqual(len(self.kept()), 25 + 4)
        self.assertGreater(self.path.stat().st_size, before)
        self.calls.clear()
        self.append(record(26))
        self.assertNotIn("pwrite journal.new", self.calls)  # it is not tried again at each vote

    def test_name_not_synced(self) -> None:
        """After the new file took the name all votes go to it, and none counts before the name is durable."""
        self.fill()
        self.refused = {f"fsync {self.path.parent.name}"}
        self.fail(record(25))
        self.fail(record(26))
        self.assertEqual(self.journal.records, [record(23), record(24)])
        self.refused = set()
        self.append(record(27))
        self.assertEqual(self.kept(), [record(23), record(24), record(27)])

    def check_refused(self, reason: str) -> None:
        error = self.assertRaises(JournalError, self.open)
        self.assertIn(reason, str(error))
        self.assertNotIn("\n", str(error))

    def test_unusable(self) -> None:
        """A journal that is missing, another's or damaged is refused in one line, and left as it is."""
        self.append(record(0), record(1))
        raw = self.path.read_bytes()
        for content, reason in (
            (raw[:HEAD_SIZE - 1], "cut off at its head"),
            (b"", "cut off at its head"),
            (journal_head(NETWORK, VALIDATORS[1]) + raw[HEAD_SIZE:], "journal_other"),
            (raw[:HEAD_SIZE + 20] + b"?" + raw[HEAD_SIZE + 21:], "journal_damaged"),
        ):  # fmt: skip
            self.path.write_bytes(content)
            self.check_refused(reason)
            self.assertEqual(self.path.read_bytes(), content)
        self.path.unlink()
        self.check_refused("is missing")
        self.path.mkdir()
        self.check_refused("Is a directory")
