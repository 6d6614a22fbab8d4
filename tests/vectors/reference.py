"""The sum trie by direct recursion over its definition (docs/protocol.md), with nothing of the node's own code.

It is slow and holds everything in memory, which is its point: the node's trie is checked against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

Row = tuple[bytes, bytes]

KEY_SIZES = (32, 64, 40, 32, 32)
VALUE_SIZES = (33, 13, 14, 76, 32)


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def sums(table: int, rows: Sequence[Row]) -> tuple[int, int]:
    """The sum and the count over some rows."""
    if table == 0:
        return 0, sum(value[32] for _, value in rows)
    if table == 1:
        return sum(value[0] for _, value in rows), len(rows)
    return 0, 0


def entry_of(table: int, rows: Sequence[Row], node: bytes) -> bytes:
    total, count = sums(table, rows)
    return sha256(node).digest() + u64(total) + u64(count) + u64(len(rows))


def common_prefix(left: str, right: str) -> str:
    length = 0
    while length < len(left) and left[length] == right[length]:
        length += 1
    return left[:length]


def build(table: int, rows: Sequence[Row], nodes: dict[bytes, bytes]) -> bytes:
    """The entry of some rows, in the order of their keys; every node made is put into ``nodes`` by its hash."""
    if not rows:
        return bytes(56)
    if len(rows) <= 32:
        node = b"L" + bytes([table]) + u16(len(rows)) + b"".join(key + value for key, value in rows)
    else:
        path = common_prefix(rows[0][0].hex(), rows[-1][0].hex())
        bitmap, entries = 0, b""
        for nibble in range(16):
            child = [row for row in rows if row[0].hex()[len(path)] == f"{nibble:x}"]
            if child:
                bitmap |= 1 << nibble
                entries += build(table, child, nodes)
        packed = bytes.fromhex(path + "0" * (len(path) % 2))
        node = b"I" + bytes([table]) + u16(len(path)) + packed + u16(bitmap) + entries
    nodes[sha256(node).digest()] = node
    return entry_of(table, rows, node)


def build_state(tables: Sequence[Sequence[Row]], nodes: dict[bytes, bytes]) -> bytes:
    """The root of a state; all nodes and the root's preimage are put into ``nodes``."""
    preimage = b"cloudnode state 1\n" + b"".join(build(table, sorted(rows), nodes) for table, rows in enumerate(tables))
    root = sha256(preimage).digest()
    nodes[root] = preimage
    return root


def way(root: bytes, nodes: dict[bytes, bytes], table: int, key: bytes) -> list[bytes]:
    """The nodes from a root's preimage down towards a key or a prefix of keys, as far as there are any."""
    found = [nodes[root]]
    at = 18 + 56 * table
    entry = nodes[root][at : at + 56]
    wanted = key.hex()
    while entry != bytes(56):
        node = nodes[entry[:32]]
        found.append(node)
        if node[:1] == b"L":
            break
        length = int.from_bytes(node[2:4], "big")
        packed = (length + 1) // 2
        path = node[4 : 4 + packed].hex()[:length]
        bitmap = int.from_bytes(node[4 + packed : 6 + packed], "big")
        if not wanted.startswith(path) or len(wanted) == length:
            break
        nibble = int(wanted[length], 16)
        if not bitmap >> nibble & 1:
            break
        at = 6 + packed + 56 * (bitmap & ((1 << nibble) - 1)).bit_count()
        entry = node[at : at + 56]
    return found
