"""Rows and trie nodes."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cloudnode.formats import nodes
from cloudnode.formats.errors import LocalError
from tests.unit.formats.support import FormatTestCase, damaged, load
from tests.vectors.reference import KEY_SIZES, VALUE_SIZES, build

NODES, ROWS, TRIES = load("nodes.json"), load("rows.json"), load("tries.json")

_good = [bytes.fromhex(case["bytes"]) for case in NODES["accepted"]]
_inner = [bytes.fromhex(node) for case in TRIES["tries"] for node in case["inner_nodes"]]
_u32, _u64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
_hash = st.binary(min_size=32, max_size=32)


def rows_of(case: list[list[str]]) -> list[tuple[bytes, bytes]]:
    return [(bytes.fromhex(key), bytes.fromhex(value)) for key, value in case]


def record(case: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a record's digest."""
    changed = {
        "account": bytes.fromhex(case["account"]),
        "data": case["data"].encode(),
        "created": tuple(case["created"]),
        "updated": tuple(case["updated"]),
    }
    return {name: value for name, value in case.items() if name not in ("name", "digest", "value")} | changed


class RowTests(FormatTestCase):
    def test_record_vectors(self) -> None:
        """Records have their digests and values."""
        for case in ROWS["records"]:
            digest = nodes.record_digest(**record(case))
            self.assertEqual(digest.hex(), case["digest"], case["name"])
            value = nodes.encode_record_value(digest, case["live"])
            self.assertEqual(value.hex(), case["value"])
            self.assertEqual(nodes.decode_record_value(value), (digest, case["live"]))

    def test_every_field_counts(self) -> None:
        """A change of any field of a record changes its digest, and no two fields run into each other."""
        base = record(ROWS["records"][1])
        changes: list[dict[str, Any]] = [
            {"account": bytes(32)}, {"collection": "pos"}, {"collection": "postf", "key": "irst"}, {"key": "First"},
            {"version": 2}, {"created": (5, 1)}, {"created": (6, 0)}, {"updated": (5, 0)}, {"time": 0}, {"live": False},
            {"ref": None}, {"ref": "x"}, {"data": b""}, {"data": base["data"] + b" "},
        ]  # fmt: skip
        digests = {nodes.record_digest(**(base | change)) for change in [{}, *changes]}
        self.assertEqual(len(digests), len(changes) + 1)

    def test_records_that_do_not_fit(self) -> None:
        """A value beyond its field is our own mistake."""
        base = record(ROWS["records"][0])
        for change in ({"version": -1}, {"time": 2**63}, {"collection": "x" * 256}, {"updated": (0, 2**32)}):
            self.assertRaises(LocalError, nodes.record_digest, **(base | change))

    def test_other_vectors(self) -> None:
        """Rows of the other tables have their keys and values."""
        for case in ROWS["ratings"]:
            place = (case["stars"], case["height"], case["index"])
            self.assertEqual(nodes.encode_rating_value(*place).hex(), case["value"])
        for case in ROWS["window"]:
            key = nodes.encode_window_key(case["expiry"], bytes.fromhex(case["id"]))
            value = nodes.encode_window_value(case["height"], case["index"], case["result"])
            self.assertEqual((key.hex(), value.hex()), (case["key"], case["value"]))
        for case in ROWS["accounts"]:
            keys = bytes.fromhex(case["account"]), bytes.fromhex(case["inviter"])
            self.assertEqual(nodes.encode_account_value(*keys, case["height"], case["index"]).hex(), case["value"])

    def test_refused_vectors(self) -> None:
        """Values that no row has are refused."""
        decoders = (
            nodes.decode_record_value,
            nodes.decode_rating_value,
            nodes.decode_window_value,
            nodes.decode_account_value,
        )
        for case in ROWS["refused"]:
            value = bytes.fromhex(case["value"])
            self.assert_refused("row_malformed", decoders[case["table"]], value, name=case["name"])
        self.assert_refused("row_malformed", nodes.decode_window_key, bytes(39))

    @given(st.integers(1, 5), _u64, _u32, _hash, _hash, st.integers(0, 8))
    def test_round_trips(self, stars: int, height: int, index: int, one: bytes, other: bytes, result: int) -> None:
        """What is encoded is decoded, in the widths that the tables have."""
        rating = nodes.encode_rating_value(stars, height, index)
        self.assertEqual(nodes.decode_rating_value(rating), nodes.RatingValue(stars, height, index))
        window = nodes.encode_window_value(height, index, result)
        self.assertEqual(nodes.decode_window_value(window), nodes.WindowValue(height, index, result))
        key = nodes.encode_window_key(height, one)
        self.assertEqual(nodes.decode_window_key(key), (height, one))
        account = nodes.encode_account_value(one, other, height, index)
        self.assertEqual(nodes.decode_account_value(account), nodes.AccountValue(one, other, height, index))
        sizes = [33, len(rating), len(window), len(account), 32]
        self.assertEqual(sizes, [table.value_size for table in nodes.TABLES])
        self.assertEqual(len(key), nodes.TABLES[nodes.WINDOW].key_size)

    def test_tables(self) -> None:
        """The tables' sizes are those of the reference."""
        self.assertEqual(tuple(table.key_size for table in nodes.TABLES), KEY_SIZES)
        self.assertEqual(tuple(table.value_size for table in nodes.TABLES), VALUE_SIZES)
        self.assertEqual([table.number for table in nodes.TABLES], [0, 1, 2, 3, 4])


class NodeTests(FormatTestCase):
    def _decode(self, raw: bytes) -> nodes.Leaf | nodes.Inner:
        return nodes.decode_leaf(raw) if raw[:1] == b"L" else nodes.decode_inner(raw)

    def _encode(self, node: nodes.Leaf | nodes.Inner) -> bytes:
        if isinstance(node, nodes.Leaf):
            return nodes.encode_leaf(node.table, node.rows)
        children = {digit: entry.encode() for digit, entry in node.children.items()}
        return nodes.encode_inner(node.table, node.path, children)

    def test_vectors(self) -> None:
        """The vectors' nodes are read, written and hashed; the bad ones are refused."""
        for case in NODES["accepted"]:
            raw = bytes.fromhex(case["bytes"])
            self.assertEqual(nodes.node_hash(raw).hex(), case["hash"])
            if case["name"] != "state":
                self.assertEqual(self._encode(self._decode(raw)), raw)
        for case in NODES["refused"]:
            raw = bytes.fromhex(case["bytes"])
            self.assert_refused(case["code"], self._decode, raw, name=case["name"])
        for case in NODES["refused_states"]:
            self.assert_refused(case["code"], nodes.decode_state, bytes.fromhex(case["bytes"]), name=case["name"])

    def test_a_leaf_is_no_inner_node(self) -> None:
        """A node of one kind is not read as the other."""
        self.assert_refused("node_malformed", nodes.decode_inner, _good[0])
        self.assert_refused("node_malformed", nodes.decode_leaf, _good[1])

    def test_tries(self) -> None:
        """Entries and nodes of whole tries follow from their rows."""
        for case in TRIES["tries"]:
            rows, table = rows_of(case["rows"]), case["table"]
            entry = nodes.decode_entry(bytes.fromhex(case["entry"]))
            self.assertEqual((entry.sum, entry.count, entry.rows), nodes.leaf_totals(table, rows))
            self.assertEqual((entry.sum, entry.count), (case["sum"], case["count"]))
            made: dict[bytes, bytes] = {}
            self.assertEqual(build(table, rows, made).hex(), case["entry"])
            for node in made.values():
                self.assertEqual(self._encode(self._decode(node)), node)
            for text in case["inner_nodes"]:
                inner = nodes.decode_inner(bytes.fromhex(text))
                below = [row for row in rows if row[0].hex().startswith(inner.path)]
                self.assertEqual(nodes.inner_totals(inner.children.values()), nodes.leaf_totals(table, below))

    def test_states(self) -> None:
        """Roots of whole states follow from their tables' entries."""
        for case in TRIES["states"]:
            entries = [build(table, rows_of(rows), {}) for table, rows in enumerate(case["rows"])]
            raw = nodes.encode_state(entries)
            self.assertEqual(sha256(raw).hexdigest(), case["root"])
            self.assertEqual([entry.encode() for entry in nodes.decode_state(raw)], entries)
        self.assertEqual(nodes.NOTHING.encode(), nodes.EMPTY_ENTRY)

    @given(damaged(*_good, *_inner))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a node that is written the same again, or an error."""
        for decode in (nodes.decode_leaf, nodes.decode_inner):
            node = self.assert_value_or_refused(decode, raw)
            if node is not None:
                self.assertEqual(self._encode(node), raw)
        state = self.assert_value_or_refused(nodes.decode_state, raw)
        if state is not None:
            self.assertEqual(nodes.encode_state([entry.encode() for entry in state]), raw)

    @given(st.binary(max_size=80) | st.binary(min_size=56, max_size=56))
    def test_any_bytes_as_values(self, raw: bytes) -> None:
        """Any bytes give a row's value or an entry, or an error."""
        for decode in (
            nodes.decode_entry,
            nodes.decode_record_value,
            nodes.decode_rating_value,
            nodes.decode_window_key,
            nodes.decode_window_value,
            nodes.decode_account_value,
        ):
            self.assert_value_or_refused(decode, raw)
