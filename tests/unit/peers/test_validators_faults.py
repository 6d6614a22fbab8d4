"""What validators suffer, in memory: lost blocks, other signatures, disks that are full."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloudnode.formats.block import Header
from cloudnode.formats.operation import Envelope, build_put, sign_operation
from cloudnode.node import journalfile, validating
from tests.unit.node.faultydisk import FaultyOs
from tests.unit.peers.network import MemoryNode
from tests.unit.peers.test_validators import ValidatorCase
from tests.unit.peers.votes import VotesThatLeft
from tests.unit.signing import sign_otherwise
from tests.unit.store.network import TIME, make_key


def headers(node: MemoryNode) -> list[Header]:
    """All headers of a node's chain."""
    blocks = [node.ledger.reading().block(height + 1) for height in range(node.ledger.head.height)]
    return [Header.decode(block.header) for block in blocks if block is not None]


class LostBlockTests(ValidatorCase):
    def test_half_of_them_behind(self) -> None:
        """All are killed when two had not yet executed what was final: the others give them the blocks."""
        self.put_final(self.nodes[0], "before")
        kept = []
        for node in self.nodes:
            self.stop(node)
        for node in self.nodes[2:]:
            kept.append((node.path, Path(node.path).read_bytes()))
        nodes = [self.network.restart(node) for node in self.nodes]
        self.network.advance(2)
        self.put_final(nodes[1], "final")
        for node in nodes:
            self.stop(node)
        for path, content in kept:
            Path(path).write_bytes(content)
        nodes = [self.network.restart(node) for node in nodes]
        self.network.advance(5)
        self.put_final(nodes[3], "after")
        self.check_same(*nodes)

    def test_one_behind(self) -> None:
        """One missed a block that is final, then the others restart: it gets it of their disks."""
        self.stop(self.nodes[3])
        self.put_final(self.nodes[0], "missed")
        for node in self.nodes[:3]:
            self.stop(node)
        nodes = [self.network.restart(node) for node in self.nodes]
        self.network.advance(5)
        self.check_same(*nodes)
        self.stop(nodes[0])
        self.network.advance(1)
        self.put_final(nodes[3], "with it")
        self.check_same(*nodes[1:])


class FullDiskTests(ValidatorCase):
    def setUp(self) -> None:
        super().setUp()
        self.is_full = False
        self.patch(journalfile, "os", FaultyOs(self.watch))

    def watch(self, name: str, path: str, call: Callable[[], Any]) -> Any:
        if self.is_full and name == "pwrite" and path == f"{os.path.abspath(self.nodes[3].path)}.journal":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call()

    def test_journal(self) -> None:
        """Who can't write its votes gives none and says why; it follows the others, and votes again when it can."""
        votes = VotesThatLeft()
        for node in self.nodes:
            votes.watch(node)
        fourth, validator = self.nodes[3], self.nodes[3].ledger.validator
        assert validator is not None
        self.is_full = True
        self.network.advance(2.5)
        given = votes.of(3)
        for number in range(10):
            self.put_final(self.nodes[number % 3], f"r{number}", 3)
        self.assertEqual(votes.of(3), given)
        self.assertFalse(validator.is_voting)
        self.assertIn("no vote can be written to the journal: the disk is full", fourth.ledger.ordering_trouble or "")
        self.assertEqual(len(validator._effects), 0)
        self.check_same(*self.nodes)
        self.is_full = False
        self.network.advance(7)
        self.assertIsNone(fourth.ledger.ordering_trouble)
        self.stop(self.nodes[0])
        self.put_final(fourth, "with its vote", 3)
        self.check_same(*self.nodes[1:])
        self.assertEqual(votes.contradictions(), [])

    def test_database(self) -> None:
        """Who can't write blocks votes for so many more, remembers them, and catches up when it can."""
        self.patch(validating, "UNEXECUTED_MOST", 10)
        fourth, validator = self.nodes[3], self.nodes[3].ledger.validator
        assert validator is not None
        write = fourth.store.write_in_steps

        def fail(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        fourth.store.write_in_steps = fail  # type: ignore[assignment, method-assign]
        for number in range(15):
            self.put_final(self.nodes[number % 3], f"r{number}")
        self.assertFalse(validator.is_voting)
        self.assertIn("no block can be written", fourth.ledger.ordering_trouble or "")
        fourth.store.write_in_steps = write  # type: ignore[method-assign]
        self.network.advance(7)
        self.assertIsNone(fourth.ledger.ordering_trouble)
        self.assertTrue(validator.is_voting)
        self.check_same(*self.nodes)


class OtherSignaturesTests(ValidatorCase):
    def test_no_view_is_lost(self) -> None:
        """Half of them have an operation with another true signature of its author's: it is final in one view."""
        author = make_key(100)
        self.network.advance(3)
        last = headers(self.nodes[0])[-1]
        first = last.height - last.view
        for number in range(8):
            height = self.nodes[0].ledger.head.height
            body = build_put(
                Envelope(self.network.genesis.network, author.public, TIME, height, height + 50), "film", f"{number}", 1
            )
            signatures = [sign_operation(author, body), sign_otherwise(author, body)]
            for index, node in enumerate(self.nodes):
                node.ledger.submit(body, signatures[index % 2])
            self.network.advance(0.6)
            self.assertEqual([node.ledger.pool_operations for node in self.nodes], [0] * 4, number)
        self.check_same(*self.nodes)
        self.assertEqual({header.height - header.view for header in headers(self.nodes[0])[-10:]}, {first})
