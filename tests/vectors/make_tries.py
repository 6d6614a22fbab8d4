"""Vectors of rows, trie nodes and small whole tries; these last by the reference, without the node's own code."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from cloudnode.formats import nodes as formats
from tests.vectors.reference import KEY_SIZES, VALUE_SIZES, Row, build, build_state, u16, u32, u64


def hashed(text: str) -> bytes:
    """A key or other 32 bytes to be had in any language."""
    return sha256(text.encode()).digest()


def record_rows(count: int) -> list[Row]:
    """Records with the keys SHA-256("record 0") and up; each fourth is a tombstone."""
    return sorted(
        (hashed(f"record {number}"), hashed(f"digest {number}") + bytes([number % 4 != 3])) for number in range(count)
    )


def rating_rows(record: int, raters: int) -> list[Row]:
    """Ratings of one record by accounts whose keys hash to SHA-256("account 0") and up."""
    return sorted(
        (hashed(f"record {record}") + hashed(f"account {rater}"), bytes([rater % 5 + 1]) + u64(3 + rater) + u32(rater))
        for rater in range(raters)
    )


def window_rows(count: int) -> list[Row]:
    """Operations that expire at the heights 1000 and 1001, whose keys thus share many nibbles."""
    return sorted(
        (u64(1000 + number % 2) + hashed(f"operation {number}"), u64(7) + u32(number) + u16(number % 9))
        for number in range(count)
    )


def account_rows(count: int) -> list[Row]:
    """Accounts named SHA-256("name 0") and up; each third was invited by the first."""
    rows = []
    for number in range(count):
        inviter = hashed("name 0") if number % 3 == 2 else bytes(32)
        value = hashed(f"name {number}") + inviter + u64(number + 1) + u32(0)
        rows.append((sha256(hashed(f"name {number}")).digest(), value))
    return sorted(rows)


def system_rows() -> list[Row]:
    """Two values that govern a network."""
    return sorted((hashed(name), hashed(f"content of {name}")) for name in ("genesis", "validators"))


def _hex_rows(rows: list[Row]) -> list[list[str]]:
    return [[key.hex(), value.hex()] for key, value in rows]


def _trie(name: str, table: int, rows: list[Row]) -> dict[str, Any]:
    nodes: dict[bytes, bytes] = {}
    entry = build(table, rows, nodes)
    inner = sorted(node.hex() for node in nodes.values() if node[:1] == b"I")
    return {
        "name": name,
        "table": table,
        "rows": _hex_rows(rows),
        "entry": entry.hex(),
        "sum": int.from_bytes(entry[32:40], "big"),
        "count": int.from_bytes(entry[40:48], "big"),
        "inner_nodes": inner,
        "leaf_pages": len(nodes) - len(inner),
    }


def tries() -> dict[str, Any]:
    """Small tries with their top entries and inner nodes, and states with their roots."""
    several = sorted(row for record, raters in enumerate((40, 3, 33, 1)) for row in rating_rows(record, raters))
    # Two keys that differ in the last nibble only, 17 times: paths of odd length down to the last nibble.
    deep = sorted((hashed("deep")[:31] + bytes([number]), hashed(f"value {number}")) for number in range(40))
    state = [record_rows(50), several, window_rows(35), account_rows(4), system_rows()]
    return {
        "tries": [
            _trie("no rows", 0, []),
            _trie("one row", 0, record_rows(1)),
            _trie("32 rows: one page", 0, record_rows(32)),
            _trie("33 rows: an inner node with pages", 0, record_rows(33)),
            _trie("40 ratings of one record: a path of 64 nibbles", 1, rating_rows(0, 40)),
            _trie("ratings of four records", 1, several),
            _trie("operations of two expiries: a path of odd length", 2, window_rows(70)),
            _trie("keys that differ in the last byte only", 4, deep),
        ],
        "states": [
            {"name": "nothing", "rows": [[]] * 5, "root": build_state([[]] * 5, {}).hex()},
            {
                "name": "something in every table",
                "rows": [_hex_rows(rows) for rows in state],
                "root": build_state(state, {}).hex(),
            },
        ],
    }


def rows() -> dict[str, Any]:
    """Rows' values from what they hold."""
    account, other = hashed("name 0"), hashed("name 1")
    base: dict[str, Any] = {
        "account": account,
        "collection": "post",
        "key": "first",
        "version": 1,
        "created": (5, 0),
        "updated": (5, 0),
        "time": 1790000000123,
        "live": True,
        "ref": None,
        "data": b'{"a":1}',
    }
    cases = {
        "a first version": base,
        "a later version with ref": base
        | {"version": 3, "updated": (2**40, 4_294_967_295), "ref": f"{other.hex()}/film/x"},
        "a tombstone": base | {"version": 2, "updated": (9, 1), "live": False, "data": b""},
        "a key beyond ASCII": base | {"key": "\U0001f600 e\u0301"},
    }
    records = []
    for name, record in cases.items():
        digest = formats.record_digest(**record)
        shown = record | {"account": record["account"].hex(), "data": record["data"].decode()}
        value = formats.encode_record_value(digest, record["live"])
        records.append({"name": name, **shown, "digest": digest.hex(), "value": value.hex()})
    return {
        "records": records,
        "ratings": [
            {"stars": stars, "height": 2**33, "index": 7, "value": formats.encode_rating_value(stars, 2**33, 7).hex()}
            for stars in (1, 5)
        ],
        "window": [
            {
                "expiry": 1007,
                "id": hashed("operation").hex(),
                "height": 9,
                "index": 3,
                "result": 4,
                "key": formats.encode_window_key(1007, hashed("operation")).hex(),
                "value": formats.encode_window_value(9, 3, 4).hex(),
            }
        ],
        "accounts": [
            {
                "account": account.hex(),
                "inviter": inviter.hex(),
                "height": 5,
                "index": 0,
                "key": sha256(account).hexdigest(),
                "value": formats.encode_account_value(account, inviter, 5, 0).hex(),
            }
            for inviter in (bytes(32), other)
        ],
        "system": [
            {
                "name": "genesis",
                "content": hashed("network").hex(),
                "key": hashed("genesis").hex(),
                "value": sha256(hashed("network")).hexdigest(),
            }
        ],
        "refused": [
            {"name": "0 stars", "table": 1, "value": (bytes(13)).hex()},
            {"name": "6 stars", "table": 1, "value": (b"\6" + bytes(12)).hex()},
            {"name": "live flag of 2", "table": 0, "value": (bytes(32) + b"\2").hex()},
            *(
                {
                    "name": f"{formats.TABLES[table].name}: one byte short",
                    "table": table,
                    "value": bytes(size - 1).hex(),
                }
                for table, size in enumerate(VALUE_SIZES[:4])
            ),
        ],
    }


def nodes() -> dict[str, Any]:
    """Nodes that are refused; good ones are in the other files."""
    few, many = record_rows(2), record_rows(33)
    made: dict[bytes, bytes] = {}
    build(0, many, made)
    inner = next(node for node in made.values() if node[:1] == b"I")
    leaf = b"L\0" + u16(2) + b"".join(key + value for key, value in few)
    swapped = b"L\0" + u16(2) + b"".join(key + value for key, value in few[::-1])
    twice = b"L\0" + u16(2) + b"".join(few[0]) * 2
    entry = bytes(range(32)) + u64(0) + u64(0) + u64(20)
    bitmap = u16(0b11)
    cases = [
        ("empty", b"", "node_malformed"),
        ("unknown kind", b"X" + leaf[1:], "node_malformed"),
        ("unknown table", b"L\5" + leaf[2:], "node_malformed"),
        ("leaf without rows", b"L\0\0\0", "node_malformed"),
        ("leaf truncated", leaf[:-1], "node_malformed"),
        ("leaf with a byte more", leaf + b"\0", "node_malformed"),
        ("leaf of 33 rows", b"L\0" + u16(33) + b"".join(key + value for key, value in many), "node_malformed"),
        ("leaf out of order", swapped, "node_malformed"),
        ("leaf with a key twice", twice, "node_malformed"),
        ("record neither live nor not", leaf[:-1] + b"\2", "row_malformed"),
        ("rating of 6 stars", b"L\1\0\1" + bytes(KEY_SIZES[1]) + b"\6" + bytes(12), "row_malformed"),
        ("inner truncated", inner[:-1], "node_malformed"),
        ("inner with a byte more", inner + b"\0", "node_malformed"),
        ("inner with one child", b"I\0\0\0" + u16(1) + entry[:-1] + b"\x40", "node_malformed"),
        ("inner with a child too few", b"I\0\0\0" + u16(0b111) + entry * 2, "node_malformed"),
        ("inner with a child without rows", b"I\0\0\0" + bitmap + entry[:-1] + b"\x40" + bytes(56), "node_malformed"),
        ("inner of 32 rows", b"I\0\0\0" + bitmap + (entry[:-1] + b"\x10") * 2, "node_malformed"),
        ("inner with a path as long as a key", b"I\0" + u16(64) + bytes(32) + bitmap + entry * 2, "node_malformed"),
        ("inner with a path cut off", b"I\0" + u16(9) + b"\1", "node_malformed"),
        ("inner with an odd path not padded by zero", b"I\0" + u16(1) + b"\x11" + bitmap + entry * 2, "node_malformed"),
        (
            "inner whose sums overflow",
            b"I\1\0\0" + bitmap + (entry[:32] + b"\xff" * 8 + entry[40:]) * 2,
            "node_malformed",
        ),
    ]
    preimage = b"cloudnode state 1\n" + bytes(5 * 56)
    states = [
        ("state without a tag", preimage[18:]),
        ("state of four tables", preimage[:-56]),
        ("entry without rows but with a hash", preimage[:-56] + b"\1" + bytes(55)),
    ]
    return {
        "accepted": [
            {"name": "leaf", "bytes": leaf.hex(), "hash": sha256(leaf).hexdigest()},
            {"name": "inner", "bytes": inner.hex(), "hash": sha256(inner).hexdigest()},
            {"name": "state", "bytes": preimage.hex(), "hash": sha256(preimage).hexdigest()},
        ],
        "refused": [{"name": name, "bytes": raw.hex(), "code": code} for name, raw, code in cases],
        "refused_states": [{"name": name, "bytes": raw.hex(), "code": "node_malformed"} for name, raw in states],
    }
