"""Operations read in a process of its own."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.received import Received, SignedBody
from cloudnode.node import receiving
from cloudnode.node.receiving import ReceivingHere, ReceivingProcess
from tests.unit.store.network import SmallNetwork


def told(received: Sequence[Received]) -> list[object]:
    """What can be compared."""
    return [(each.code, each.message) if isinstance(each, LedgerError) else each for each in received]


class ReceivingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        self.addCleanup(self.network.store.close)
        self.here = ReceivingHere(self.network.genesis)
        self.process = ReceivingProcess(self.network.genesis)
        self.addCleanup(self.process.rest)
        author, other = self.network.accounts[:2]
        record = f"{other.public.hex()}/film/a"
        operations = [
            self.network.put(author, "film", "a", b'{"t": "\\u00e9"}', ref=record, if_version=0),
            self.network.delete(author, "film", "a"),
            self.network.rate(author, record, 5),
            self.network.withdraw(author, record),
            self.network.invite(author, other.public),
            self.network.appoint(author, other),
        ]
        self.signed: list[SignedBody] = [(each.body, each.signature) for each in operations]
        self.signed += [(b"[]", bytes(64)), (operations[0].body, bytes(64))]

    def pid(self) -> int:
        """The process's."""
        assert self.process._child is not None
        return self.process._child._process.pid

    def test_all_kinds(self) -> None:
        """Every kind of operation, and every fault, comes back as a thread would tell it."""
        self.assertEqual(told(self.process.receive(self.signed)), told(self.here.receive(self.signed)))
        self.assertEqual(self.process.receive([]), [])

    def test_several_threads(self) -> None:
        """Each has the answer to its own question."""
        parts = [self.signed[number % 6 :] * 20 for number in range(24)]
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda part: self.process.receive(part), parts))
        for part, answer in zip(parts, answers, strict=True):
            self.assertEqual(told(answer), told(self.here.receive(part)))

    def test_rests(self) -> None:
        """The process is gone while there is nothing to do, and another one comes when there is."""
        self.process.receive(self.signed)
        first = self.pid()
        self.process.rest()
        self.assertRaises(ProcessLookupError, os.kill, first, 0)
        self.assertEqual(told(self.process.receive(self.signed)), told(self.here.receive(self.signed)))
        self.assertNotEqual(self.pid(), first)

    def test_killed(self) -> None:
        """A process that is killed costs nothing but time: the work is done here, until there is a rest."""
        self.process.receive(self.signed)
        os.kill(self.pid(), signal.SIGKILL)
        for _ in range(2):
            self.assertEqual(told(self.process.receive(self.signed)), told(self.here.receive(self.signed)))
        self.assertIsNone(self.process._child)
        self.process.rest()
        self.process.receive(self.signed)
        self.assertIsNotNone(self.process._child)

    def test_unwritten(self) -> None:
        """A question that could not be sent fails those behind it as well: nobody waits for its answer."""
        self.process.receive(self.signed)
        child = self.process._child
        assert child is not None
        write, failures = receiving.write_frame, [OSError(errno.ENOMEM, "as it happens")]

        def fail_once(file: IO[bytes], content: bytes) -> None:
            if failures:
                raise failures.pop()
            write(file, content)

        self.patch(receiving, "write_frame", fail_once)
        self.assertRaises(OSError, child.receive, self.signed)
        with ThreadPoolExecutor(1) as threads:
            later = threads.submit(child.receive, self.signed)
            try:
                self.assertIsInstance(later.exception(timeout=10.0), OSError)
            finally:
                child.end()
                with child._turn:  # or the thread would never end
                    child._told += 1
                    child._turn.notify_all()

    def test_working_directory(self) -> None:
        """No module is taken from where the node happens to run."""
        planted = Path(self.mktemp())
        planted.mkdir()
        (planted / "msgspec.py").write_text("open('was_run', 'w')")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(planted)
        for path in ("", os.pathsep.join(("", "/none", ""))):
            self.patch(os, "environ", os.environ | {"PYTHONPATH": path})
            self.process.receive(self.signed)
            self.process.rest()
        self.assertFalse(Path("was_run").exists())
        self.assertEqual(self.flushLoggedErrors(), [])
