"""Parts of the state, at the head and below it, against the rows and the definition of the trie."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.nodes import PAGE_ROWS, TABLES
from cloudnode.ledger.chunks import Chunk, read_chunk, read_node, read_state, slot_name
from cloudnode.ledger.trie import entry_rows
from cloudnode.store.parts import PartLimits, StateParts
from tests.unit.store.network import SmallNetwork, random_operation

LIMITS = PartLimits(4096, 1 << 20, 3 << 20)


def read_all(parts: StateParts, height: int, root: bytes, most: int) -> list[Chunk]:
    """The whole state in chunks of at most so many rows, each checked."""
    found = parts.nodes(height, ())
    assert found is not None
    chunks = []
    todo = [(table.number, "", entry) for table, entry in zip(TABLES, read_state(root, found[0]), strict=True)]
    while todo:
        table, slot, entry = todo.pop()
        name = slot_name(table, slot)
        if entry_rows(entry) > max(most, PAGE_ROWS):
            answer = parts.nodes(height, [name])
            assert answer is not None
            node = read_node(table, slot, entry, answer[1][0])
            todo += [(table, node.path + digit, child) for digit, child in node.children.items()]
            continue
        sent = parts.rows(height, [name], LIMITS)
        assert sent is not None and sent[0] is not None
        chunks.append(read_chunk(table, slot, entry, sent[0]))
    return chunks


class PartsTests(SynchronousTestCase):
    """A store that grew by random operations."""

    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp(), accounts=60)
        self.addCleanup(lambda: self.network.store.close())
        self.parts = StateParts(self.network.path)
        self.addCleanup(self.parts.close)

    def grow(self, blocks: int, operations: int, seed: int) -> None:
        random = Random(seed)
        for _ in range(blocks):
            self.network.block(*(random_operation(self.network, random) for _ in range(operations)))

    def test_every_height(self) -> None:
        """At each height that is kept, the whole state comes in chunks that the root of that height proves."""
        roots = {}
        for seed in range(6):
            self.grow(2, 120, seed)
            roots[self.network.store.head.height] = self.network.store.head.root
        for height, root in roots.items():
            for most in (PAGE_ROWS, 200, 4096):
                chunks = read_all(self.parts, height, root, most)
                rows = sum(len(chunk.rows) for chunk in chunks)
                self.assertGreater(rows, 200)

    def test_contents(self) -> None:
        """Records come with all that their rows hold."""
        self.grow(2, 150, 1)
        head = self.network.store.head
        chunks = [chunk for chunk in read_all(self.parts, head.height, head.root, 4096) if chunk.table == 0]
        records = [record for chunk in chunks for record in chunk.records]
        sent = {(record.position, record.hash, record.data, record.time) for record in records}
        held = self.network.store._read.execute("SELECT position, hash, data, time FROM records").fetchall()
        self.assertEqual(sent, set(held))

    def test_unknown_heights(self) -> None:
        """A height above the head is not told."""
        self.grow(2, 5, 1)
        height = self.network.store.head.height
        self.assertIsNone(self.parts.nodes(height + 1, ["1"]))
        self.assertIsNone(self.parts.rows(height + 1, ["1"], LIMITS))

    def test_nothing_there(self) -> None:
        """A slot without rows, or without an inner node, is answered as that."""
        self.grow(1, 5, 1)
        height = self.network.store.head.height
        answer = self.parts.nodes(height, ["1", "0ff"])
        assert answer is not None
        self.assertEqual(answer[1], [b"", b""])
        self.assertEqual(self.parts.rows(height, ["1" + "f" * 128, "2ffff", "3ffff"], LIMITS), [b""] * 3)
        self.assertEqual(self.parts.rows(height, ["0" + "f" * 64, "4ffff"], LIMITS), [b"\x90"] * 2)

    def test_bounds(self) -> None:
        """An answer ends before it is too long; a slot that is too long by itself is said to be."""
        self.grow(3, 200, 1)
        height = self.network.store.head.height
        names = ["3", "2", "1"]
        whole = self.parts.rows(height, names, LIMITS)
        assert whole is not None
        self.assertEqual(len(whole), 3)
        self.assertEqual(self.parts.rows(height, names, PartLimits(100, 1 << 20, 3 << 20)), whole[:1])
        self.assertEqual(self.parts.rows(height, names, PartLimits(4096, 100, 3 << 20)), whole[:1])
        self.assertEqual(self.parts.rows(height, ["2"], PartLimits(100, 1 << 20, 3 << 20)), [None])
        self.assertEqual(self.parts.rows(height, ["2"], PartLimits(4096, 1 << 20, 100)), [None])

    def test_pruned(self) -> None:
        """A height whose old rows were given up is not told."""
        self.grow(1, 5, 1)
        for _ in range(1001):
            self.network.block()
        self.assertIsNone(self.parts.nodes(1, ()))
        self.assertIsNotNone(self.parts.nodes(2, ()))
