"""When the write-ahead log is moved into the file."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.store import sqlite
from cloudnode.store.connection import connect
from tests.unit.store.network import SmallNetwork


class CheckpointTests(SynchronousTestCase):
    def test_wanted_when_the_log_is_long(self) -> None:
        """A long log is to be moved, once: it then begins anew, although its file keeps its size."""
        path = self.mktemp()
        network = SmallNetwork(path)
        self.addCleanup(network.store.close)
        self.patch(sqlite, "WAL_BYTES_MAX", 400_000)
        self.assertFalse(network.store.wants_checkpoint())
        while not network.store.wants_checkpoint():
            network.block(network.put(network.accounts[0], "note", "long", b'"%s"' % (b"x" * 20_000)))
        size = os.path.getsize(f"{path}-wal")
        self.assertGreater(size, 400_000)
        network.store.checkpoint()
        network.block()
        self.assertFalse(network.store.wants_checkpoint())
        self.assertEqual(os.path.getsize(f"{path}-wal"), size)

    def test_long_read(self) -> None:
        """Who reads for long is not waited for; the log grows meanwhile, begins anew when he is through, and is cut."""
        path = self.mktemp()
        self.patch(sqlite, "WAL_BYTES_MAX", 200_000)
        network = SmallNetwork(path)
        self.addCleanup(network.store.close)
        reader = connect(path, read_only=True)
        self.addCleanup(reader.close)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM blocks").fetchone()
        while os.path.getsize(f"{path}-wal") < 500_000:
            network.block(network.put(network.accounts[0], "note", "long", b'"%s"' % (b"x" * 20_000)))
            if network.store.wants_checkpoint():
                network.store.checkpoint()
        reader.execute("COMMIT")
        network.store.checkpoint()
        network.block()
        self.assertFalse(network.store.wants_checkpoint())
        self.assertLessEqual(os.path.getsize(f"{path}-wal"), 2 * 200_000)

    def test_locks_are_kept(self) -> None:
        """To look at the log's length gives up no lock: no other process may take the index for abandoned."""
        path = self.mktemp()
        network = SmallNetwork(path)
        self.addCleanup(network.store.close)
        network.block()
        self.assertFalse(network.store.wants_checkpoint())
        # The byte that every connection holds a shared lock on (SQLite's os_unix.c, "deadman switch").
        seize = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)"
        seizing = subprocess.run([sys.executable, "-c", seize, f"{path}-shm"], capture_output=True, check=False)
        self.assertIn(b"BlockingIOError", seizing.stderr)
