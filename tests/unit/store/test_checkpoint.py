"""When the write-ahead log is moved into the file."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.store import sqlite
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
