"""Parts of the state from other nodes: what is right passes, everything else is found out."""

from __future__ import annotations

from hashlib import sha256
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.nodes import EMPTY_ENTRY, RATINGS, RECORDS, SYSTEM, encode_state
from cloudnode.ledger.chunks import (
    Chunk,
    ChunkWrong,
    SentRecord,
    SentSetting,
    complete_record,
    encode_contents,
    encode_rows,
    make_nodes,
    read_chunk,
    read_node,
    read_state,
    slot_name,
    split_name,
)
from cloudnode.ledger.system import system_row
from cloudnode.ledger.trie import InnerNode
from tests.unit.ledger.memory import defined_entry


def make_ratings(count: int, seed: int = 1) -> list[tuple[bytes, bytes]]:
    """Rows of the ratings table in the order of their keys."""
    random = Random(seed)
    return sorted((random.randbytes(64), bytes([random.randint(1, 5)]) + random.randbytes(12)) for _ in range(count))


def make_record(number: int, **other: object) -> SentRecord:
    """A record's content."""
    fields = {
        "position": 7 << 20 | number, "live": True, "account": bytes(31) + b"\1", "collection": "film",
        "key": f"é{number}", "ref": None if number % 2 else f"{'0' * 64}/film/x", "version": 2, "created": 3 << 20,
        "time": -5, "data": b'{"n":%d}' % number,
    } | other  # fmt: skip
    return SentRecord(**fields)  # type: ignore[arg-type]


class ChunkTests(SynchronousTestCase):
    """Whoever knows the entry tells a right chunk from every other."""

    def check_wrong(self, entry: bytes, raw: bytes, *words: str, table: int = RATINGS, slot: str = "") -> None:
        error = self.assertRaises(ChunkWrong, read_chunk, table, slot, entry, raw)
        for word in words:
            self.assertIn(word, str(error))

    def test_right(self) -> None:
        """Rows of any number pass, with exactly the inner nodes that the definition asks for."""
        for count in (0, 1, 32, 33, 700):
            rows = make_ratings(count)
            entry, nodes = defined_entry(RATINGS, rows)
            chunk = read_chunk(RATINGS, "", entry, encode_rows(rows))
            self.assertEqual((list(chunk.rows), chunk.nodes), (rows, nodes))

    def test_below_a_slot(self) -> None:
        """The rows under a slot are a chunk by themselves, whose nodes are those of the whole trie."""
        rows = make_ratings(3_000)
        _, nodes = defined_entry(RATINGS, rows)
        top = InnerNode.decode(nodes[""])
        for digit, entry in top.children.items():
            below = [row for row in rows if row[0].hex().startswith(digit)]
            chunk = read_chunk(RATINGS, digit, entry, encode_rows(below))
            self.assertEqual(chunk.nodes, {slot: node for slot, node in nodes.items() if slot.startswith(digit)})

    def test_wrong_rows(self) -> None:
        """A row altered, missing, twice, out of order, or from elsewhere is found."""
        rows = make_ratings(100)
        entry, _ = make_nodes(RATINGS, "", rows)
        altered = [*rows[:50], (rows[50][0], bytes([rows[50][1][0] % 5 + 1]) + rows[50][1][1:]), *rows[51:]]
        self.check_wrong(entry, encode_rows(altered), "others than the node above")
        self.check_wrong(entry, encode_rows(rows[:-1]), "99, not 100")
        self.check_wrong(entry, encode_rows([*rows[:-1], rows[0]]), "order")
        self.check_wrong(entry, encode_rows([*rows[:-1], rows[-2]]), "order")
        self.check_wrong(entry, encode_rows(rows)[:-1], "77 each")
        self.check_wrong(entry, encode_rows(rows), "elsewhere", slot="0")
        self.check_wrong(EMPTY_ENTRY, encode_rows(rows), "100, not 0")

    def test_same_keys(self) -> None:
        """More rows than a page with one key are refused before a trie is made of them."""
        self.check_wrong(bytes(48) + (40).to_bytes(8, "big"), encode_rows([(bytes(64), bytes(13))] * 40), "order")

    def test_records(self) -> None:
        """Of records hash and digest are computed from what came; any member altered is found."""
        sent = sorted(
            (make_record(number) for number in range(60)),
            key=lambda each: sha256(f"{each.account.hex()}/{each.collection}/{each.key}".encode()).digest(),
        )
        rows = [(row.hash, row.value) for row in map(complete_record, sent)]
        entry, nodes = defined_entry(RECORDS, rows)
        chunk = read_chunk(RECORDS, "", entry, encode_contents(sent))
        self.assertEqual((list(chunk.rows), chunk.nodes), (rows, nodes))
        self.assertEqual([record.data for record in chunk.records], [each.data for each in sent])
        for name, value in (
            ("position", 7 << 20), ("live", False), ("account", bytes(32)), ("collection", "films"), ("key", "other"),
            ("ref", "x"), ("version", 3), ("created", 1), ("time", 0), ("data", b"{}"),
        ):  # fmt: skip
            members = {field: getattr(sent[9], field) for field in sent[9].__struct_fields__} | {name: value}
            altered = [*sent[:9], SentRecord(**members), *sent[10:]]
            self.check_wrong(entry, encode_contents(altered), "rows under slot 0", table=RECORDS)

    def test_settings(self) -> None:
        """Of the system table name and content come."""
        sent = sorted((SentSetting(name, name.encode()) for name in "abc"), key=lambda each: system_row(each.name, b""))
        rows = [system_row(each.name, each.content) for each in sent]
        entry, _ = make_nodes(SYSTEM, "", rows)
        self.assertEqual(read_chunk(SYSTEM, "", entry, encode_contents(sent)).settings, sent)
        wrong = [SentSetting(sent[0].name, b"other"), *sent[1:]]
        self.check_wrong(entry, encode_contents(wrong), "others", table=SYSTEM)

    def test_malformed(self) -> None:
        """What is no chunk at all is an error of the same kind."""
        for table in (RECORDS, SYSTEM):
            for raw in (b"", b"\xc0", b"\x91\xc0", b"\x91\x90", b"\x91" * 5000, encode_contents([make_record(1)])[:-1]):
                self.check_wrong(EMPTY_ENTRY, raw, table=table)
        huge = make_record(1, key="k" * 70_000)
        self.check_wrong(EMPTY_ENTRY, encode_contents([huge]), "can't be read", table=RECORDS)
        odd = encode_contents([make_record(1)]).replace("é".encode(), b"\xed\xa0")
        self.check_wrong(EMPTY_ENTRY, odd, "can't be read", table=RECORDS)


class NodeTests(SynchronousTestCase):
    """Inner nodes and the root's preimage."""

    def test_nodes(self) -> None:
        """A node passes under its own entry, slot and table alone."""
        rows = make_ratings(500)
        entry, nodes = make_nodes(RATINGS, "", rows)
        self.assertEqual(read_node(RATINGS, "", entry, nodes[""]).encode(), nodes[""])
        other = next(node for slot, node in nodes.items() if slot)
        sums = entry[:32] + bytes(8) + entry[40:]
        for table, slot, named, raw in (
            (RATINGS, "", entry, other), (RATINGS, "", entry, b""), (RATINGS, "", entry, nodes[""][:-1]),
            (RECORDS, "", entry, nodes[""]), (RATINGS, "0", entry, nodes[""]), (RATINGS, "", sums, nodes[""]),
            (RATINGS, "", sha256(b"x").digest() + entry[32:], b"x"),
        ):  # fmt: skip
            self.assertRaises(ChunkWrong, read_node, table, slot, named, raw)

    def test_state(self) -> None:
        """The tables' entries are what the root is the hash of."""
        entries = (make_nodes(RATINGS, "", make_ratings(3))[0], *[EMPTY_ENTRY] * 4)
        raw = encode_state(entries)
        self.assertEqual(read_state(sha256(raw).digest(), raw), entries)
        self.assertRaises(ChunkWrong, read_state, bytes(32), raw)
        self.assertRaises(ChunkWrong, read_state, sha256(b"").digest(), b"")

    def test_names(self) -> None:
        """A slot's name holds its table."""
        self.assertEqual(split_name(slot_name(1, "0af")), (1, "0af"))

    def test_chunk_is_a_value(self) -> None:
        """Nobody alters a chunk once it is checked."""
        self.assertRaises(AttributeError, setattr, Chunk(0, "", [], {}), "slot", "1")
