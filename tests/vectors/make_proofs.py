"""Vectors of proofs: what follows for a client from the genesis, a header, a certificate and some nodes."""

from __future__ import annotations

from typing import Any

from cloudnode.formats.addresses import account_hash, record_hash
from cloudnode.formats.block import NOTARIZE
from cloudnode.formats.nodes import record_digest
from tests.vectors.make_blocks import a_header, certified
from tests.vectors.make_genesis import genesis, key
from tests.vectors.make_tries import (
    account_rows,
    hashed,
    rating_rows,
    record_rows,
    system_rows,
    window_rows,
)
from tests.vectors.reference import Row, build_state, u16, u32, u64, way

HEIGHT = 7
OWNER = key(11).public
RATERS = [key(number).public for number in range(100, 145)]

RECORDS: list[dict[str, Any]] = [
    {
        "account": OWNER,
        "collection": "film",
        "key": name,
        "version": version,
        "created": (1, index),
        "updated": (1 + version, index),
        "time": 1790000000000 + index,
        "live": live,
        "ref": None,
        "data": b'{"title":"' + name.encode() + b'"}' if live else b"",
    }
    for index, (name, version, live) in enumerate(
        [("popular", 1, True), ("quiet", 2, True), ("gone", 3, False), ("unrated", 1, True)]
    )
]


def address(name: str) -> str:
    return f"{OWNER.hex()}/film/{name}"


def _ratings(name: str, raters: list[bytes]) -> list[Row]:
    return [
        (record_hash(address(name)) + account_hash(rater), bytes([number % 5 + 1]) + u64(2 + number) + u32(number))
        for number, rater in enumerate(raters)
    ]


def state() -> tuple[bytes, dict[bytes, bytes]]:
    """The root and all nodes of a state with some records, with 45 ratings of one of them, and other rows around."""
    records = [
        (record_hash(address(record["key"])), record_digest(**record) + bytes([record["live"]])) for record in RECORDS
    ]
    ratings = _ratings("popular", RATERS) + _ratings("quiet", RATERS[:3]) + rating_rows(0, 10)
    member = (account_hash(RATERS[0]), RATERS[0] + OWNER + u64(2) + u32(6))
    done = (u64(1007) + hashed("done"), u64(6) + u32(2) + u16(4))
    nodes: dict[bytes, bytes] = {}
    root = build_state(
        [record_rows(60) + records, ratings, [*window_rows(40), done], [*account_rows(40), member], system_rows()],
        nodes,
    )
    return root, nodes


def questions() -> list[dict[str, Any]]:
    """What a client may ask, with the answers, and the table and key whose way proves them."""
    popular, rater = record_hash(address("popular")), RATERS[0]
    asked: list[tuple[str, dict[str, Any], Any, int, bytes]] = []
    for record in RECORDS:
        shown = record | {"account": record["account"].hex(), "data": record["data"].decode()}
        named = address(record["key"])
        asked.append((f"record {record['key']}", {"record": named}, shown, 0, record_hash(named)))
    asked += [
        ("a record that never was", {"record": address("never")}, None, 0, record_hash(address("never"))),
        (
            "ratings, more than a page",
            {"ratings": address("popular")},
            [sum(n % 5 + 1 for n in range(45)), 45],
            1,
            popular,
        ),
        ("ratings, within a page", {"ratings": address("quiet")}, [6, 3], 1, record_hash(address("quiet"))),
        ("no ratings", {"ratings": address("unrated")}, [0, 0], 1, record_hash(address("unrated"))),
        (
            "a rating",
            {"rating": address("popular"), "account": rater.hex()},
            {"stars": 1, "height": 2, "index": 0},
            1,
            popular + account_hash(rater),
        ),
        (
            "a rating not given",
            {"rating": address("popular"), "account": OWNER.hex()},
            None,
            1,
            popular + account_hash(OWNER),
        ),
        (
            "an account",
            {"account": rater.hex()},
            {"inviter": OWNER.hex(), "height": 2, "index": 6},
            3,
            account_hash(rater),
        ),
        ("an unknown account", {"account": OWNER.hex()}, None, 3, account_hash(OWNER)),
        (
            "an operation",
            {"operation": hashed("done").hex(), "expiry": 1007},
            {"height": 6, "index": 2, "result": 4},
            2,
            u64(1007) + hashed("done"),
        ),
        (
            "an operation that is in no block",
            {"operation": hashed("lost").hex(), "expiry": 1007},
            None,
            2,
            u64(1007) + hashed("lost"),
        ),
        ("what governs the network", {"system": "genesis"}, hashed("content of genesis").hex(), 4, hashed("genesis")),
    ]
    root, nodes = state()
    return [
        {
            "name": name,
            "question": question,
            "answer": answer,
            "nodes": [node.hex() for node in way(root, nodes, table, wanted)],
        }
        for name, question, answer, table, wanted in asked
    ]


def proofs() -> dict[str, Any]:
    """Proven answers, and headers, certificates and proofs that prove nothing, with the code."""
    of, other = genesis(4), genesis(1)
    root, nodes = state()
    header = a_header(of, height=9, root=root, root_height=HEIGHT)
    certificate = certified(of, header, [0, 1, 3])
    foreign = a_header(other, height=9, root=root, root_height=HEIGHT)
    # Honest validators never sign a block in another view than its own.
    elsewhere = certified(of, header, [0, 1, 3], view=12)
    later = a_header(of, height=10, root=root, root_height=HEIGHT)
    base: dict[str, Any] = {
        "header": header.encode().hex(),
        "certificate": certificate.encode().hex(),
        "descendants": [],
        "height": HEIGHT,
        "root": root.hex(),
        "nodes": [nodes[root].hex()],
    }
    broken = [
        ("a header of another network", {"header": foreign.encode().hex()}, "header_network"),
        ("a header cut off", {"header": base["header"][:-2]}, "header_malformed"),
        ("a certificate of another block", {"header": later.encode().hex()}, "certificate_block"),
        ("a certificate of another view", {"certificate": elsewhere.encode().hex()}, "certificate_block"),
        (
            "a notarization",
            {"certificate": certified(of, header, [0, 1, 3], NOTARIZE).encode().hex()},
            "certificate_kind",
        ),
        ("too few signatures", {"certificate": certified(of, header, [0, 1]).encode().hex()}, "certificate_quorum"),
        ("a false signature", {"certificate": base["certificate"][:-2] + "00"}, "certificate_signature"),
        ("a descendant of another block", {"descendants": [later.encode().hex()]}, "finality_chain"),
        ("another height", {"height": HEIGHT + 1}, "proof_height"),
        ("another root", {"root": "00" * 32}, "proof_root"),
        ("no nodes", {"nodes": []}, "proof_node_missing"),
        ("a changed node", {"nodes": [base["nodes"][0][:-2] + "01"]}, "proof_node_missing"),
    ]
    tables = nodes[root]
    return {
        "genesis": of.text.decode(),
        **base,
        "totals": {
            "ratings_sum": int.from_bytes(tables[18 + 56 + 32 : 18 + 56 + 40], "big"),
            "ratings_count": int.from_bytes(tables[18 + 56 + 40 : 18 + 56 + 48], "big"),
            "records": int.from_bytes(tables[18 + 40 : 18 + 48], "big"),
            "accounts": int.from_bytes(tables[18 + 3 * 56 + 48 : 18 + 4 * 56], "big"),
        },
        "proven": questions(),
        "refused": [{"name": name, **(base | change), "code": code} for name, change, code in broken],
    }
